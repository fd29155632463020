import Broker
import NIOCore

/// The end of what a subscriber is granted.
extension Subscriber {
    /// - Returns: Whether its grant still holds.
    func attachToEnd() -> Bool {
        scheduleExpiry()
        guard let grantEnd = request.grant.end else { return true }
        let this = NIOLoopBound(self, eventLoop: shard.eventLoop)
        let outside = shard.shared.outside
        endNumber = grantEnd.attach { done in
            outside.begin()
            this.eventLoop.execute {
                this.value.end()
                outside.end()
                done()
            }
        }
        return endNumber != nil
    }

    /// In milliseconds.
    private static let longestWait: Int64 = 60_000

    private func scheduleExpiry() {
        guard let expiresAt = request.grant.expiresAt else { return }
        let this = NIOLoopBound(self, eventLoop: shard.eventLoop)
        // The wall clock may be set meanwhile: a long wait is cut into short ones.
        let now = shard.settings.wallClock().milliseconds
        let end = expiresAt.milliseconds
        let wait = end <= now ? 0 : min(end, now + Self.longestWait) - now
        expiry = shard.eventLoop.scheduleTask(in: .milliseconds(wait)) {
            guard this.value.isOpen else { return }
            if expiresAt > this.value.shard.settings.wallClock() {
                this.value.scheduleExpiry()
            } else {
                this.value.end()
            }
        }
    }
}
