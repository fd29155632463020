public import NIOCore

/// What somebody wants to publish: everything of a message but its id and time, which the store gives.
public struct MessageDraft: Sendable {
    /// The longest event name, in bytes of UTF-8.
    public static let maximumEventLength = 128
    /// Event names that begin so are the server's own (`stream-open`, `stream-reset`).
    public static let reservedEventPrefix = "stream-"
    /// The longest idempotency key, in bytes of UTF-8.
    public static let maximumIdempotencyKeyLength = 255
    /// The longest time to live: a hundred years.
    public static let maximumTTL = Duration.seconds(36_500 * 86_400)

    /// The group that it goes to.
    public let group: GroupName
    /// The name of the event; `message` where none was given.
    public let event: String
    /// UTF-8 text.
    public let data: ByteBuffer
    /// How long the message stays in history, counted from when it is stored, in whole milliseconds. Nil: until retention
    /// or somebody removes it. Subscribers that are connected get it however short this is.
    public let ttl: Duration?
    /// A name that the publisher gives this publish, so that it can be repeated when the answer was lost: within 24 h,
    /// a second publish to the group with the same key, event, data and `ttl` stores nothing and is answered as the first.
    public let idempotencyKey: String?
    /// What an application stores with the message. A store of another kind than it was made for refuses it.
    public var attachment: (any DraftAttachment)?
    /// Of which trace the publish is a part. It goes to those who follow the group now, and is not stored.
    public var trace: TraceContext?

    /// - Throws: ``BrokerError``: `invalidEvent` for an event name that is empty, over ``maximumEventLength``, reserved,
    ///   or holds CR, LF or NUL (WHATWG HTML §9.2.5: they would end the field); `invalidData` for data that is not
    ///   UTF-8; `invalidTTL` for one under a millisecond or over ``maximumTTL``; `invalidIdempotencyKey` for one that is
    ///   empty or over ``maximumIdempotencyKeyLength``.
    public init(
        group: GroupName,
        event: String = Message.defaultEvent,
        data: ByteBuffer,
        ttl: Duration? = nil,
        idempotencyKey: String? = nil
    ) throws(BrokerError) {
        try Self.check(event: event)
        try Self.check(ttl: ttl)
        try Self.check(idempotencyKey: idempotencyKey)
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            throw BrokerError(
                .invalidData,
                "The data is not UTF-8: event streams carry text. Encode it, e.g. as Base64."
            )
        }
        self.group = group
        self.event = event
        self.data = data
        self.ttl = ttl
        self.idempotencyKey = idempotencyKey
    }

    /// As the other initializer, with data that is a string.
    public init(
        group: GroupName,
        event: String = Message.defaultEvent,
        text: String,
        ttl: Duration? = nil,
        idempotencyKey: String? = nil
    ) throws(BrokerError) {
        try Self.check(event: event)
        try Self.check(ttl: ttl)
        try Self.check(idempotencyKey: idempotencyKey)
        self.group = group
        self.event = event
        self.data = ByteBuffer(string: text)
        self.ttl = ttl
        self.idempotencyKey = idempotencyKey
    }

    private static func check(ttl: Duration?) throws(BrokerError) {
        guard let ttl else { return }
        guard ttl >= .milliseconds(1), ttl <= maximumTTL else {
            throw BrokerError(
                .invalidTTL,
                "A ttl of \(ttl) is not allowed: give 1 millisecond to 100 years, or leave it out to keep the message."
            )
        }
    }

    private static func check(idempotencyKey key: String?) throws(BrokerError) {
        guard let length = key?.utf8.count else { return }
        guard (1...maximumIdempotencyKeyLength).contains(length) else {
            throw BrokerError(
                .invalidIdempotencyKey,
                "The idempotency key has \(length) bytes: 1 to \(maximumIdempotencyKeyLength) are allowed. A random UUID "
                    + "does well."
            )
        }
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
        // As bytes: to `hasPrefix` a combining character would hide the dash before it.
        guard !bytes.starts(with: reservedEventPrefix.utf8) else {
            throw BrokerError(
                .invalidEvent,
                "Event names that begin with '\(reservedEventPrefix)' are the server's own: choose another than "
                    + "\(event.quotedForPeople)."
            )
        }
    }
}
