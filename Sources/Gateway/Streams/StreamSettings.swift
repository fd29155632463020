import NIOCore

/// What streams are bounded by, as the configuration says it, in the types of the event loop.
struct StreamSettings: Sendable {
    /// A stream that was silent for so long says a comment.
    var silence: TimeAmount
    var retryMilliseconds: ClosedRange<Int>
    var stallTimeout: TimeAmount
    var recentBytes: Int
    var inboxBytes: Int
    /// A stream that catches up is given about so many bytes at a time.
    var pieceBytes = 128 << 10
    /// What a client sends on a stream beyond this closes it.
    var ignoredInputBytes = 4 << 10
}
