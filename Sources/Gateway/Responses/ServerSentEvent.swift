public import Broker
public import NIOCore

/// One event of an event stream (WHATWG HTML §9.2).
///
/// Nothing in it can add a field or another event: data is split at every line end, and where `event` or `id` hold a line end
/// or a NUL, U+FFFD stands for it.
public struct ServerSentEvent: ResponsePart {
    /// What the client resumes from, in its header `Last-Event-ID`; nil: the client keeps the one before.
    ///
    /// Keep it to short ASCII: over 128 bytes, pages of other origins need a preflight to reconnect.
    public var id: String?
    /// What `addEventListener` names. `message`, the default, is left out on the wire.
    public var event: String
    /// UTF-8 text, in one or many lines.
    public var data: ByteBuffer

    public init(id: String? = nil, event: String = Message.defaultEvent, data: String) {
        self.init(id: id, event: event, data: ByteBuffer(string: data))
    }

    /// - Parameter data: UTF-8 text.
    public init(id: String? = nil, event: String = Message.defaultEvent, data: ByteBuffer) {
        (self.id, self.event, self.data) = (id, event, data)
    }

    /// A message as the server's own streams show it: its id where it has one, its event and its data.
    public init(_ message: Message) {
        self.init(id: message.id?.description, event: message.event, data: message.data)
    }

    public var bytes: ByteBuffer { EventEncoder.encode(self) }
}
