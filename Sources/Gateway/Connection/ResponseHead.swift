import HTTPTypes
import NIOCore

/// The head of a response as HTTP/1.1 bytes (RFC 9112 §4).
///
/// Every answer is complete when it is written, so it goes out as one buffer, without an encoder in the pipeline that
/// would make three parts of it.
struct ResponseHead {
    static let `continue` = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")

    private var bytes = ByteBuffer()

    init(_ status: HTTPResponse.Status, bodyBytes: Int) {
        bytes.reserveCapacity(512 + bodyBytes)
        bytes.writeStaticString("HTTP/1.1 ")
        bytes.writeString(String(status.code))
        bytes.writeStaticString(" ")
        bytes.writeString(status.reasonPhrase)
        bytes.writeStaticString("\r\n")
    }

    /// Names and values are ours, or were checked as `HTTPFields` check theirs: no line breaks.
    mutating func add(_ name: String, _ value: String) {
        bytes.writeString(name)
        bytes.writeStaticString(": ")
        bytes.writeString(value)
        bytes.writeStaticString("\r\n")
    }

    consuming func end() -> ByteBuffer {
        bytes.writeStaticString("\r\n")
        return bytes
    }
}
