public import NIOCore

/// A message: an event name and data, and, once it is stored, its id.
///
/// The channel layer and the message log share this one type. The channel layer calls the event name the message's
/// `type`; it does not look into the data, which may be any bytes. What goes to event streams must be UTF-8.
///
/// A value type without mutable parts: copying is a few reference counts, the bytes are shared.
public struct Message: Hashable, Sendable {
    /// The event name where the publisher gave none (WHATWG HTML §9.2.6: the default of `EventSource`).
    public static let defaultEvent = "message"

    /// Where the message stands in the log. Nil for a message that was not stored.
    public let id: MessageID?
    /// The group that it was published to. Nil for one that was sent to a single channel.
    public let group: GroupName?
    /// The event name, the `type` of Django Channels.
    public let event: String
    /// The payload: for text its UTF-8 bytes, for JSON its encoding.
    public let data: ByteBuffer
    /// When it was created.
    public let createdAt: Timestamp
    /// When it leaves history. Nil for one that stays. Whoever keeps messages in memory for later readers must not give
    /// it to them from this moment on; see ``isExpired(at:)``.
    public let expiresAt: Timestamp?
    /// What receivers have made of it; not part of its value.
    public let forms: MessageForms

    /// Of which trace its publish was a part; nil where nobody said so, and for one that was read from the store, which does
    /// not keep it. Not part of its value.
    public var trace: TraceContext? { forms.trace }

    public init(
        id: MessageID? = nil,
        group: GroupName? = nil,
        event: String = Message.defaultEvent,
        data: ByteBuffer = ByteBuffer(),
        createdAt: Timestamp = .now(),
        expiresAt: Timestamp? = nil,
        trace: TraceContext? = nil
    ) {
        self.id = id
        self.group = group
        self.event = event
        self.data = data
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        forms = MessageForms(trace: trace)
    }

    /// A message whose data is text.
    public init(event: String = Message.defaultEvent, text: String) {
        self.init(event: event, data: ByteBuffer(string: text))
    }

    public static func == (left: Message, right: Message) -> Bool {
        left.id == right.id && left.group == right.group && left.event == right.event && left.data == right.data
            && left.createdAt == right.createdAt && left.expiresAt == right.expiresAt
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(event)
        hasher.combine(createdAt)
    }

    /// Whether its `ttl` has ended: it is no part of history any more.
    public func isExpired(at now: Timestamp) -> Bool {
        expiresAt.map { $0 <= now } ?? false
    }

    /// The data as text. Bytes that are not UTF-8 are replaced by U+FFFD.
    public var text: String { String(buffer: data) }
}
