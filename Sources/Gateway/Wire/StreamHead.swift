import HTTPTypes

/// The response head of an event stream.
enum StreamHead {
    /// No cache keeps it, no proxy holds it back (`X-Accel-Buffering` is nginx's) or transforms it.
    static let fields: HTTPFields = [
        .contentType: "text/event-stream",
        .cacheControl: "no-cache, no-store, no-transform",
        .xAccelBuffering: "no",
        .xContentTypeOptions: "nosniff",
    ]

    static func make(on wire: Wire, date: String, id: RequestID, extraHeaders: [(String, String)]) -> ResponseHead {
        var head = ResponseHead(.ok, for: wire.version, bodyBytes: 0)
        for field in fields { head.add(field.name.rawName, field.value) }
        head.add("Date", date)
        head.add(id)
        wire.addStreaming(to: &head)
        for (name, value) in extraHeaders { head.add(name, value) }
        return head
    }
}

extension HTTPField.Name {
    /// A name that is a valid token is never nil; were it, the field would be left out.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering") ?? .cacheControl
}
