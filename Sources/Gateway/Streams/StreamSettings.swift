import NIOCore

/// What streams are bounded by, as the configuration says it, in the types of the event loop.
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
    /// What the sockets of one loop's streams may hold of them, in bytes.
    var pinnedBytes: Int
    /// What a client sends on a stream beyond this closes it.
    var ignoredInputBytes = 4 << 10
}
