/// What the broker throws: a code for programs, a sentence for people, and what lay under it.
///
/// The sentence says what is wrong and what to do; it never holds a payload, so it can be logged and shown.
public struct BrokerError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is, for programs to decide by.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case invalidName, invalidEvent, invalidData, invalidID, messageTooLarge, channelFull, closed
            case storeUnavailable, storeUnusable, overloaded, invalidTTL, invalidIdempotencyKey, idempotencyKeyReused
            case wouldBlock
        }

        private let value: Value

        /// A group or channel name that the rules in ``GroupName`` and ``ChannelName`` do not admit.
        public static let invalidName = Code(value: .invalidName)
        /// An event name that is empty, too long, reserved, or would break the stream's framing.
        public static let invalidEvent = Code(value: .invalidEvent)
        /// Data that is not UTF-8 where text is needed, or not the JSON that was asked for.
        public static let invalidData = Code(value: .invalidData)
        /// A time to live that is not above zero, or longer than anything lasts.
        public static let invalidTTL = Code(value: .invalidTTL)
        /// An idempotency key that is empty or too long.
        public static let invalidIdempotencyKey = Code(value: .invalidIdempotencyKey)
        /// An idempotency key that came with another event, data or ttl within the last 24 h. Nothing was stored.
        public static let idempotencyKeyReused = Code(value: .idempotencyKeyReused)
        /// Text that is no message id.
        public static let invalidID = Code(value: .invalidID)
        /// A message over the configured size. Never retried with success: make the message smaller.
        public static let messageTooLarge = Code(value: .messageTooLarge)
        /// A channel that holds as many unread messages as its capacity allows.
        public static let channelFull = Code(value: .channelFull)
        /// The layer or the log was closed.
        public static let closed = Code(value: .closed)
        /// The store cannot take or give messages now (disk full, locked, read-only). Trying again later may work.
        public static let storeUnavailable = Code(value: .storeUnavailable)
        /// The store's file cannot be used at all: no database, or one of a newer version.
        public static let storeUnusable = Code(value: .storeUnusable)
        /// More publishes wait than the bound allows. Trying again later works.
        public static let overloaded = Code(value: .overloaded)

        /// A call that waits, on a thread that must not: an event loop's, or a task's.
        public static let wouldBlock = Code(value: .wouldBlock)

        public var description: String { value.rawValue }
    }

    /// For programs; stays the same where the sentence is reworded.
    public let code: Code
    /// One sentence or two for a person: what is wrong, and what to do.
    public let message: String
    /// The error of the library or system below, if there is one.
    public let underlying: (any Error)?
    /// Which of several drafts that were to be published together was refused, counted from 0. Nil where it was none of
    /// them in particular.
    public let index: Int?

    /// - Parameter message: A sentence or two for a person, without a payload.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil, index: Int? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
        self.index = index
    }

    /// The same error, of one draft among several.
    func at(_ index: Int) -> BrokerError {
        BrokerError(code, message, underlying: underlying, index: index)
    }

    public var description: String {
        underlying.map { "\(message) (\($0))" } ?? message
    }
}
