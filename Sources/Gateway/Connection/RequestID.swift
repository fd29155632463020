import NIOCore

/// By which a request is found again in the logs: of this server, and of the proxy before it.
enum RequestID: Sendable, Equatable, CustomStringConvertible {
    /// Made here. Not made into text unless somebody needs the text: an answer of HTTP/1 takes it as bytes.
    case made(prefix: String, number: UInt64)
    /// A trusted proxy has made it.
    case given(String)

    /// In bytes.
    static let longestGiven = 128

    /// One that a trusted proxy sent; nil for what is too long, empty, or has bytes that a log or a program could take for
    /// something else.
    init?(given text: String) {
        let isSane = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~:/=+@".utf8.contains(byte)
            }
        }
        guard isSane, (1...Self.longestGiven).contains(text.utf8.count) else { return nil }
        self = .given(text)
    }

    var description: String {
        switch self {
        case .made(let prefix, let number): prefix + String(number, radix: 16)
        case .given(let text): text
        }
    }

    static let field = "X-Request-Id"
}

/// Makes the ids of one event loop's requests: what tells the process and the loop from others, and a number.
struct RequestIDs: Sendable {
    private let prefix: String
    private var last: UInt64 = 0

    /// - Parameters:
    ///   - process: A random number, the same for all loops of a server.
    ///   - loop: Which loop it is.
    init(process: Int, loop: Int) {
        // At most 15 bytes in all but very large machines: such a text costs no memory of its own.
        prefix = String(UInt(bitPattern: process), radix: 36) + "-" + String(loop, radix: 36) + "-"
    }

    mutating func make() -> RequestID {
        last += 1
        return .made(prefix: prefix, number: last)
    }
}

/// What is remembered of a request until it is answered, and of a stream until it ends.
struct RequestMark {
    let id: RequestID
    /// When its head was there.
    let began: NIODeadline
    /// On whose behalf; nil where nobody is known, and where it would not be logged.
    var user: String?
    /// Nil where nobody traces.
    var span: RequestSpan?
}
