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
        .xContentTypeOptions: "nosniff",
    ]

    /// The head as bytes: the stream writes past the HTTP encoder.
    ///
    /// The connection ends with the stream, and the head says so (RFC 9112 §9.6): a client that keeps connections would
    /// send its next request on one that is just being closed.
    static func bytes(chunked: Bool, date: String, extraHeaders: [(String, String)]) -> ByteBuffer {
        var head = ResponseHead(.ok, bodyBytes: 0)
        for field in fields { head.add(field.name.rawName, field.value) }
        head.add("Date", date)
        if chunked { head.add("Transfer-Encoding", "chunked") }
        head.add("Connection", "close")
        for (name, value) in extraHeaders { head.add(name, value) }
        return head.end()
    }
}

extension HTTPField.Name {
    /// A name that is a valid token is never nil; were it, the field would be left out.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .cacheControl
}
