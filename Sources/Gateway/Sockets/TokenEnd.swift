import Broker
import NIOCore

/// Tells when somebody's token has ended, or its key is gone.
///
/// Confined to its event loop.
final class TokenEnd {
    private let token: VerifiedToken
    private let eventLoop: any EventLoop
    private let wallClock: @Sendable () -> Timestamp
    private let outside: OutsideWork
    /// Nil once it was told, or taken back.
    private var tell: (() -> Void)?
    private var timer: Scheduled<Void>?
    private var number: Int?

    /// In milliseconds.
    private static let longestWait: Int64 = 60_000

    /// - Parameter tell: Called once, on the loop; not before this returns.
    init(of token: VerifiedToken, on shard: Shard, _ tell: @escaping () -> Void) {
        (self.token, self.tell, eventLoop) = (token, tell, shard.eventLoop)
        (wallClock, outside) = (shard.settings.wallClock, shard.shared.outside)
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        let outside = outside
        number = token.key.end.attach { done in
            outside.begin()
            this.eventLoop.execute {
                this.value.ended()
                outside.end()
                done()
            }
        }
        // The key went just now.
        if number == nil { timer = eventLoop.scheduleTask(in: .zero) { this.value.ended() } } else { schedule() }
    }

    private func schedule() {
        guard let endsAt = token.endsAt else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        // The wall clock may be set meanwhile: a long wait is cut into short ones.
        let now = wallClock().milliseconds
        let wait = max(0, min(endsAt.milliseconds - now, Self.longestWait))
        timer = eventLoop.scheduleTask(in: .milliseconds(wait)) {
            if endsAt > this.value.wallClock() { this.value.schedule() } else { this.value.ended() }
        }
    }

    private func ended() {
        let tell = tell
        cancel()
        tell?()
    }

    /// Nobody wants to know any more.
    func cancel() {
        tell = nil
        timer?.cancel()
        timer = nil
        if let number { token.key.end.detach(number) }
        number = nil
    }
}
