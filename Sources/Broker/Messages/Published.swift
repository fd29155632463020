/// What became of a publish that was accepted.
public struct Published: Hashable, Sendable {
    /// The message as it was stored. For a replay it is the first publish's, with its id and times, also if that message
    /// was deleted since.
    public let message: Message
    /// Whether an earlier publish with the same idempotency key had stored the message already: nothing was published.
    public let isReplay: Bool

    /// - Parameter isReplay: It answers a repeated publish; nothing was stored anew.
    public init(_ message: Message, isReplay: Bool = false) {
        self.message = message
        self.isReplay = isReplay
    }
}
