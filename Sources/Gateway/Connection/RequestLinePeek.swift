import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Remembers what was read last, so that a refusal can say what was wrong with it: the parser tells the kind of an error
/// only, and garbage is another thing than a method or a version that is not known.
///
/// It also lets the first request of a connection name a later minor version of HTTP/1, which the parser does not know: it
/// is answered as HTTP/1.1 (RFC 9110 §2.5). It stands before the parser, and leaves with it.
final class RequestLinePeek: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var last: ByteBuffer?
    private var isFirst = true

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if isFirst {
            isFirst = false
            if let version = Line(bytes)?.laterMinorVersion { bytes.setInteger(UInt8(ascii: "1"), at: version) }
        }
        last = bytes
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        last = nil
        context.fireChannelReadComplete()
    }

    /// The refusal for a request that the parser did not take, as far as its first line tells; nil for other input.
    func problem() -> Problem? {
        guard let line = last.flatMap({ Line($0) }) else { return nil }
        guard line.major == 1 else {
            return Problem(
                .httpVersionNotSupported,
                "This server speaks HTTP/1.1 here, not HTTP/\(line.major): let the client use HTTP/1.1."
            )
        }
        return line.isKnownMethod
            ? nil
            : Problem(
                .notImplemented,
                "The method \(line.method.quotedForPeople) is not known here. Check its spelling."
            )
    }

    /// A request line (RFC 9112 §3) at the beginning of what was read.
    private struct Line {
        let method: String
        let major: Int
        /// Where the digit of the minor version stands, if that is above 1.
        let laterMinorVersion: Int?

        var isKnownMethod: Bool {
            if case .RAW = HTTPMethod(rawValue: method) { false } else { true }
        }

        init?(_ buffer: ByteBuffer) {
            let bytes = buffer.readableBytesView
            guard let end = bytes.prefix(8 << 10).firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            var line = bytes[..<end]
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            // " HTTP/1.1" ends it.
            let version = line.suffix(9)
            guard version.count == 9, version.starts(with: " HTTP/".utf8), version[version.startIndex + 7] == 0x2E,
                let major = Self.digit(version[version.startIndex + 6]),
                let minor = Self.digit(version[version.endIndex - 1]),
                let space = line.firstIndex(of: UInt8(ascii: " ")), space < version.startIndex,
                let method = String(validating: line[..<space], as: UTF8.self), Self.isToken(line[..<space])
            else { return nil }
            self.method = method
            self.major = major
            laterMinorVersion = major == 1 && minor > 1 ? version.endIndex - 1 : nil
        }

        private static func digit(_ byte: UInt8) -> Int? {
            (0x30...0x39).contains(byte) ? Int(byte - 0x30) : nil
        }

        /// RFC 9110 §5.6.2.
        private static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
            !bytes.isEmpty
                && bytes.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                    }
                }
        }
    }
}
