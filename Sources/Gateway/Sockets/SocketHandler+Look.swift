import NIOCore

/// What is done by time.
extension SocketHandler {
    /// Called about four times per heartbeat: as ``Subscriber/look(_:mayPin:)``, for all subscriptions together.
    func look(_ now: NIODeadline, mayPin: Int) -> Int {
        guard let context else { return 0 }
        let (counters, settings) = (shard.counters, shard.settings)
        let waiting = wire.waitingBytes(context)
        switch health.check(now, waitingBytes: waiting, mayPin: mayPin, peer: { PeerSilence(of: context.channel) }) {
        case .fine(let waiting) where hasEnded:
            guard now - lastWrite > settings.endTimeout else { return waiting }
            counters.stalled.add(1)
        case .fine(let waiting):
            if mayRead, pace.isTooSlow(now) {
                close(.policyViolation, "the message did not come in time")
            } else if waiting == 0, now - lastPing >= settings.silence {
                lastPing = now
                send(Self.ping)
            }
            return waiting
        case .gone: counters.gonePeers.add(1)
        case .stalled: counters.stalled.add(1)
        case .pinsTooMuch: counters.pinnedTooMuch.add(1)
        }
        close()
        return 0
    }

    /// A missing pong ends nothing: a slow reader answers late, and ``PeerHealth`` knows who is gone.
    private static let ping = SocketFrame.frame(.ping, ByteBuffer())
}
