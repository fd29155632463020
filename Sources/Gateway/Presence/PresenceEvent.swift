import Broker
import NIOCore

/// What a stream is told of a group's presence: a JSON object. It is encoded once for all streams of an event loop.
struct PresenceEvent {
    /// Users and what is shown with them, in bytes: fifty with 1 KiB each fit. Of larger ones fewer are shown.
    private static let maximumUserBytes = 56 << 10
    /// Names of those who left.
    private static let maximumLeftBytes = 8 << 10

    /// A JSON object.
    let data: ByteBuffer
    /// Made for one style and then for others, most of which are the same.
    private var frames: [StreamStyle: ByteBuffer] = [:]
    /// Subscriptions of many sockets have the same name.
    private var named: (name: String, frame: ByteBuffer)?

    init(_ group: GroupName, count: Int, _ state: PresenceUpdate.State) {
        var event = Self.begin(group, count: count)
        let isWhole = Self.write("users", state.users, into: &event)
        data = Self.end(event, hasMore: state.hasMore || !isWhole)
    }

    init(_ group: GroupName, count: Int, _ difference: PresenceUpdate.Difference) {
        var event = Self.begin(group, count: count)
        let isWhole = Self.write("joined", difference.joined, into: &event)
        let hasAllLeft = Self.write("left", difference.left, atMost: Self.maximumLeftBytes, into: &event) {
            $1.writeJSON(string: $0.description)
        }
        data = Self.end(event, hasMore: difference.hasMore || !isWhole || !hasAllLeft)
    }

    private static func begin(_ group: GroupName, count: Int) -> ByteBuffer {
        ByteBuffer(string: "{\"group\":\"\(group)\",\"count\":\(count)")
    }

    private static func end(_ event: ByteBuffer, hasMore: Bool) -> ByteBuffer {
        var event = event
        event.writeString(",\"more\":\(hasMore)}")
        return event
    }

    private static func write(_ key: String, _ users: [PresentUser], into event: inout ByteBuffer) -> Bool {
        write(key, users, atMost: maximumUserBytes, into: &event) { user, event in
            event.writeString("{")
            event.writeFields(of: user)
            event.writeString("}")
        }
    }

    /// Writes what fits.
    ///
    /// - Returns: Whether that is all.
    private static func write<Element>(
        _ key: String,
        _ elements: [Element],
        atMost limit: Int,
        into event: inout ByteBuffer,
        _ write: (Element, inout ByteBuffer) -> Void
    ) -> Bool {
        event.writeString(",\"\(key)\":[")
        let start = event.writerIndex
        var isWhole = true
        for element in elements {
            let end = event.writerIndex
            if end > start { event.writeString(",") }
            write(element, &event)
            guard event.writerIndex - start > limit else { continue }
            event.moveWriterIndex(to: end)
            isWhole = false
        }
        event.writeString("]")
        return isWhole
    }

    /// As a stream of this style has it; on a WebSocket with the subscription's name.
    mutating func frame(_ style: StreamStyle, subscription: String?) -> ByteBuffer {
        guard let name = subscription else {
            if let frame = frames[style] { return frame }
            let frame = style.frame(payload(style.format))
            frames[style] = frame
            return frame
        }
        if let named, named.name == name { return named.frame }
        let frame = ServerFrame.presence(name, data)
        named = (name, frame)
        return frame
    }

    private func payload(_ format: EventFormat) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.reserveCapacity(data.readableBytes + 60)
        switch format {
        case .plain, .envelope, .tracedEnvelope, .composed:
            payload.writeStaticString("event: stream-presence\ndata: ")
            payload.writeImmutableBuffer(data)
            payload.writeStaticString("\n\n")
        case .lines:
            payload.writeStaticString("{\"event\":\"stream-presence\",\"id\":null,\"data\":")
            payload.writeImmutableBuffer(data)
            payload.writeStaticString("}\n")
        }
        return payload
    }
}

extension ByteBuffer {
    /// `"user"` and `"info"`, of an object.
    mutating func writeFields(of user: PresentUser) {
        writeStaticString("\"user\":")
        writeJSON(string: user.name.description)
        writeStaticString(",\"info\":")
        if let info = user.info { writeImmutableBuffer(info) } else { writeStaticString("null") }
    }
}
