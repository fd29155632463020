public import NIOCore

/// What somebody wants to publish: everything of a message but its id and time, which the store gives.
public struct MessageDraft: Hashable, Sendable {
    /// The longest event name, in bytes of UTF-8.
    public static let maximumEventLength = 128
    /// Event names that begin so are the server's own (`stream-open`, `stream-reset`).
    public static let reservedEventPrefix = "stream-"

    public let group: GroupName
    public let event: String
    /// UTF-8 text.
    public let data: ByteBuffer
    /// What an application stores with the message. A store of another kind than it was made for refuses it.
    public var attachment: DraftAttachment?

    /// - Throws: ``BrokerError``: `invalidEvent` for an event name that is empty, over ``maximumEventLength``, reserved,
    ///   or holds CR, LF or NUL (WHATWG HTML §9.2.5: they would end the field); `invalidData` for data that is not
    ///   UTF-8.
    public init(
        group: GroupName,
        event: String = Message.defaultEvent,
        data: ByteBuffer
    ) throws(BrokerError) {
        try Self.check(event: event)
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            throw BrokerError(
                .invalidData,
                "The data is not UTF-8: event streams carry text. Encode it, e.g. as Base64."
            )
        }
        self.group = group
        self.event = event
        self.data = data
    }

    /// As the other initializer, with data that is a string.
    public init(group: GroupName, event: String = Message.defaultEvent, text: String) throws(BrokerError) {
        try Self.check(event: event)
        self.group = group
        self.event = event
        self.data = ByteBuffer(string: text)
    }

    private static func check(event: String) throws(BrokerError) {
        let bytes = event.utf8
        guard (1...maximumEventLength).contains(bytes.count) else {
            throw BrokerError(
                .invalidEvent,
                bytes.isEmpty
                    ? "The event name is empty: leave it out for '\(Message.defaultEvent)', or give one."
                    : "The event name has \(bytes.count) bytes: at most \(maximumEventLength) are allowed."
            )
        }
        guard !bytes.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else {
            throw BrokerError(
                .invalidEvent,
                "The event name \(event.quotedForPeople) holds a line break or NUL, which would break the event stream."
            )
        }
        guard !event.hasPrefix(reservedEventPrefix) else {
            throw BrokerError(
                .invalidEvent,
                "Event names that begin with '\(reservedEventPrefix)' are the server's own: choose another than "
                    + "\(event.quotedForPeople)."
            )
        }
    }
}
