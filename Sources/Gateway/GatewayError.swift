/// Why a gateway cannot start or go on: a code for programs, a sentence for people, and what lay under it.
public struct GatewayError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, for programs to decide by.
    public enum Code: Hashable, Sendable {
        /// A setting that is out of its range, or settings that do not go together.
        case invalidConfiguration
        /// Another process has the port.
        case addressInUse
        /// The address cannot be listened on for another reason.
        case cannotListen
    }

    /// For programs; stays the same where the sentence is reworded.
    public let code: Code
    /// One sentence or two for a person: what is wrong, and what to do.
    public let message: String
    /// The error of the library or system below, if there is one.
    public let underlying: (any Error)?

    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        (self.code, self.message, self.underlying) = (code, message, underlying)
    }

    public var description: String { underlying.map { "\(message) (\($0))" } ?? message }
}
