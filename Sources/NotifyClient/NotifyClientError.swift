/// What the client throws: a code for programs, a sentence for people, and what lay under it.
///
/// The sentence is one line, says what is wrong and what to do, and holds no message data, so it can be logged and shown.
/// A cancelled task gets `CancellationError` instead, as everywhere in Swift.
public struct NotifyClientError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, for programs.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case invalidArgument, unreachable, refused, serverFailed, timedOut, connectionLost
            case invalidResponse, eventTooLarge, closed
        }

        private let value: Value

        /// An argument that the server would refuse in any case: a group name, an event name, an address. Nothing was sent.
        public static let invalidArgument = Code(value: .invalidArgument)
        /// No connection could be made. Nothing was sent; trying again later may work.
        public static let unreachable = Code(value: .unreachable)
        /// The server understood and refused (4xx, 501, a redirect). The same request will be refused again.
        public static let refused = Code(value: .refused)
        /// The server or a proxy could not do it now (5xx, 408, 425, 429). Trying again later may work.
        public static let serverFailed = Code(value: .serverFailed)
        /// No answer came in time. Whether the server did it is not known.
        public static let timedOut = Code(value: .timedOut)
        /// The connection broke. Whether the server did it is not known.
        public static let connectionLost = Code(value: .connectionLost)
        /// The answer is none of this protocol: most often the address leads to another program.
        public static let invalidResponse = Code(value: .invalidResponse)
        /// An event of the stream, or an answer, is larger than the client's limit.
        public static let eventTooLarge = Code(value: .eventTooLarge)
        /// The client was shut down.
        public static let closed = Code(value: .closed)

        public var description: String { value.rawValue }
    }

    /// What went wrong, for programs.
    public let code: Code
    /// One line for a person: what is wrong, and what to do.
    public let message: String
    /// The HTTP status of the answer, where there was one.
    public let status: Int?
    /// After how long the server wants to be asked again (`Retry-After` in seconds, RFC 9110 §10.2.3), where it says so.
    public let retryAfter: Duration?
    /// Which of several messages that were sent together was refused, counted from 0, where it was one of them.
    public let index: Int?
    /// What lay under it, for a log.
    public let underlying: (any Error)?

    /// For code that stands in for the client, such as tests of its users.
    public init(
        _ code: Code,
        _ message: String,
        status: Int? = nil,
        retryAfter: Duration? = nil,
        index: Int? = nil,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
        self.index = index
        self.underlying = underlying
    }

    /// The message alone: the underlying error's text is for logs, and rarely helps a person.
    public var description: String { message }
}

extension String {
    /// The text on one line without control characters and cut to a length that fits a sentence: what a server or a
    /// user gave must not be able to forge log lines or steer a terminal.
    func onOneLine(limit: Int = 300) -> String {
        let shown = unicodeScalars.prefix(limit).map { scalar in
            scalar.properties.generalCategory == .control ? " " : String(scalar)
        }
        return shown.joined() + (unicodeScalars.count > limit ? "…" : "")
    }
}
