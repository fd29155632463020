import HTTPTypes
import NIOCore
import NIOHTTP1

/// The head of a response, in the form that its wire takes.
///
/// For HTTP/1.x it is bytes (RFC 9112 §4): every answer is complete when it is written, so it goes out as one buffer,
/// without an encoder in the pipeline that would make three parts of it.
struct ResponseHead {
    static let `continue` = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")

    private var written = ByteBuffer()
    /// What is written, where the wire takes no bytes.
    private(set) var part: HTTPResponseHead?

    init(_ status: HTTPResponse.Status, for version: Wire.Version, bodyBytes: Int) {
        guard version != .http2 else {
            let status = HTTPResponseStatus(statusCode: status.code, reasonPhrase: status.reasonPhrase)
            part = HTTPResponseHead(version: .http2, status: status)
            return
        }
        written.reserveCapacity(512 + bodyBytes)
        written.writeStaticString("HTTP/1.1 ")
        written.writeString(String(status.code))
        written.writeStaticString(" ")
        written.writeString(status.reasonPhrase)
        written.writeStaticString("\r\n")
    }

    /// Names and values are ours, or were checked as `HTTPFields` check theirs: no line breaks.
    mutating func add(_ name: String, _ value: String) {
        guard part == nil else {
            // RFC 9113 §8.2.1: names in lower case.
            part?.headers.add(name: name.lowercased(), value: value)
            return
        }
        written.writeString(name)
        written.writeStaticString(": ")
        written.writeString(value)
        written.writeStaticString("\r\n")
    }

    /// By bytes, without making text of them: this is on the way of every answer.
    mutating func add(_ id: RequestID) {
        guard part == nil else {
            part?.headers.add(name: RequestID.field.lowercased(), value: "\(id)")
            return
        }
        written.writeStaticString("X-Request-Id: ")
        switch id {
        case .given(let text):
            written.writeString(text)
        case .made(let prefix, let number):
            written.writeString(prefix)
            written.writeHexadecimal(number)
        }
        written.writeStaticString("\r\n")
    }

    /// The whole head as bytes, of which nobody else holds a copy, so that a body can be added to them. To be taken once,
    /// and where there is no ``part``.
    mutating func takeBytes() -> ByteBuffer {
        var bytes = ByteBuffer()
        swap(&bytes, &written)
        bytes.writeStaticString("\r\n")
        return bytes
    }
}

extension ByteBuffer {
    /// As `String(number, radix: 16)` has it.
    mutating func writeHexadecimal(_ number: UInt64) {
        var shift = max(0, 63 - number.leadingZeroBitCount) / 4 * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 0xF
            writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
    }
}
