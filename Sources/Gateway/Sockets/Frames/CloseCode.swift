/// Why a WebSocket ends (RFC 6455 §7.4.1).
public struct CloseCode: Hashable, Sendable {
    /// As it goes over the wire.
    public let number: UInt16

    /// All is said.
    public static let normal = CloseCode(number: 1000)
    /// The server stops.
    public static let goingAway = CloseCode(number: 1001)
    static let protocolError = CloseCode(number: 1002)
    /// A binary message, where there is text only.
    static let unsupportedData = CloseCode(number: 1003)
    /// Text that is not UTF-8.
    static let invalidData = CloseCode(number: 1007)
    /// The token has ended, or a rule was broken.
    public static let policyViolation = CloseCode(number: 1008)
    static let tooBig = CloseCode(number: 1009)
    /// The program has failed.
    public static let internalError = CloseCode(number: 1011)
    /// Over a limit: later it may go.
    public static let tryAgainLater = CloseCode(number: 1013)

    init(number: UInt16) {
        self.number = number
    }

    /// A code of an application's own.
    ///
    /// - Parameter number: 4000 to 4999 (RFC 6455 §7.4.2); nil for another.
    public init?(application number: UInt16) {
        guard (4000...4999).contains(number) else { return nil }
        self.number = number
    }

    /// Whether a peer may send it. Those that only tell a program what it did not receive (1005, 1006, 1015), 1004, and
    /// those that nobody has defined may not (§7.4.2).
    var mayBeSent: Bool {
        switch number {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// What a peer did that no peer may do, and the code with which the connection ends.
struct FrameFault: Error, Equatable {
    let code: CloseCode
    let reason: String

    init(_ code: CloseCode, _ reason: String) {
        (self.code, self.reason) = (code, reason)
    }
}
