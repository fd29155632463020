import Broker
import NIOCore

/// The bounds of streams, in the types of the event loop.
struct StreamSettings: Sendable {
    var heartbeat: TimeAmount
    /// In so long each stream is looked at once.
    var lookRound: TimeAmount
    /// A stream that was silent for so long says a comment.
    var silence: TimeAmount
    var retryMilliseconds: ClosedRange<Int>
    var stallTimeout: TimeAmount
    /// How long a stream that has ended waits for its client to take the rest.
    var endTimeout: TimeAmount
    var recentBytes: Int
    var inboxBytes: Int
    /// A stream that catches up is given about so many bytes at a time.
    var pieceBytes: Int
    /// Bytes that may wait for the sockets of one loop's streams.
    var pinnedBytes: Int
    /// What grants, `ttl` and `since` go by.
    var wallClock: @Sendable () -> Timestamp = { .now() }
    /// A number from a range, for `retry:`.
    var random: @Sendable (ClosedRange<Int>) -> Int = { .random(in: $0) }
    /// A client that sends more than this on a stream loses it.
    var ignoredInputBytes = 4 << 10
}
