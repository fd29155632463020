import HTTPTypes
import NIOCore
import NIOHTTP1

/// The response head of an event stream.
enum StreamHead {
    /// No cache keeps it, no proxy holds it back (`X-Accel-Buffering` is nginx's) or transforms it.
    static let fields: HTTPFields = [
        .contentType: "text/event-stream",
        .cacheControl: "no-cache, no-store, no-transform",
        .xAccelBuffering: "no",
    ]

    /// The head as bytes: the stream writes past the HTTP encoder.
    static func bytes(chunked: Bool, date: String, extraHeaders: [(String, String)]) -> ByteBuffer {
        var head = ByteBuffer()
        head.writeString("HTTP/1.1 200 OK\r\n")
        for field in fields { head.writeString("\(field.name.rawName): \(field.value)\r\n") }
        head.writeString("Date: \(date)\r\n")
        head.writeString(chunked ? "Transfer-Encoding: chunked\r\n" : "Connection: close\r\n")
        for (name, value) in extraHeaders { head.writeString("\(name): \(value)\r\n") }
        head.writeString("\r\n")
        return head
    }
}

extension HTTPField.Name {
    /// A name that is a valid token is never nil; were it, the field would be left out.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .cacheControl
}
