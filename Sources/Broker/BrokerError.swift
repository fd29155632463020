/// What the broker throws: a code for programs, a sentence for people, and what lay under it.
///
/// The sentence says what is wrong and what to do; it never holds a payload, so it can be logged and shown.
public struct BrokerError: Error, Sendable, CustomStringConvertible {
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case invalidName, invalidEvent, invalidData, invalidID, messageTooLarge, channelFull, closed
            case storeUnavailable, storeUnusable, overloaded
        }

        private let value: Value

        /// A group or channel name that the rules in ``GroupName`` and ``ChannelName`` do not admit.
        public static let invalidName = Code(value: .invalidName)
        /// An event name that is empty, too long, reserved, or would break the stream's framing.
        public static let invalidEvent = Code(value: .invalidEvent)
        /// Data that is not UTF-8 where text is needed, or not the JSON that was asked for.
        public static let invalidData = Code(value: .invalidData)
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

        public var description: String { value.rawValue }
    }

    public let code: Code
    /// One sentence or two for a person: what is wrong, and what to do.
    public let message: String
    /// The error of the library or system below, if there is one.
    public let underlying: (any Error)?

    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var description: String {
        underlying.map { "\(message) (\($0))" } ?? message
    }
}
