import HTTPTypes

/// The response head of an event stream.
enum StreamHead {
    /// No cache keeps it, no proxy holds it back (`X-Accel-Buffering` is nginx's) or transforms it.
    private static let fields: HTTPFields = [
        .cacheControl: "no-cache, no-store, no-transform",
        .xAccelBuffering: "no",
        .xContentTypeOptions: "nosniff",
    ]

    /// - Parameter isNegotiated: Whether `Accept` has decided the format.
    static func fields(of format: EventFormat, isNegotiated: Bool) -> HTTPFields {
        var all = fields
        switch format {
        case .plain, .envelope, .tracedEnvelope, .composed: all[.contentType] = "text/event-stream"
        case .lines: all[.contentType] = "application/x-ndjson"
        }
        if isNegotiated { all[.vary] = "Accept" }
        return all
    }

    /// - Parameter extraHeaders: `Vary` is among them or among the fields.
    static func make(
        _ fields: HTTPFields,
        on wire: Wire,
        date: String,
        id: RequestID,
        extraHeaders: [(String, String)]
    ) -> ResponseHead {
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
