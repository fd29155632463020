/// One event of an event stream, as WHATWG HTML §9.2.6 dispatches it.
public struct ServerSentEvent: Hashable, Sendable {
    /// The last event id at the time of the event: its own `id:`, else that of the nearest event before it that had
    /// one, else empty.
    public let id: String
    /// The event type; `message` when the stream gave none.
    public let event: String
    /// The data, its lines joined by LF.
    public let data: String

    public init(id: String = "", event: String = "message", data: String) {
        self.id = id
        self.event = event
        self.data = data
    }
}
