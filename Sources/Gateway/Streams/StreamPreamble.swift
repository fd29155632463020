import Broker
import NIOCore

/// The events that the server itself writes into a stream.
struct StreamPreamble {
    /// Why a stream cannot go on from where the client was.
    enum ResetReason: String, CaseIterable, Sendable {
        /// Retention or a purge removed messages of these groups beyond the cursor.
        case expired
        /// A message was damaged on the disk.
        case damaged
        /// The id comes from another database.
        case unknownEpoch = "unknown-epoch"
        /// The id lies beyond everything that was published.
        case future
        /// The text is no message id.
        case malformed
    }

    struct Reset: Hashable, Sendable {
        let reason: ResetReason
        /// What the client asked for, as it came.
        let requested: String
        /// The oldest message that is still stored of these groups; nil if there is none, and where the stream goes on
        /// without looking.
        let oldest: MessageID?
    }

    let groups: [GroupName]
    var patterns: [ChannelPattern] = []
    let position: MessageID
    let resumed: Bool
    let reset: Reset?

    /// `retry:` and `stream-open`, then `stream-reset` if there is one: the first bytes of the stream's body.
    func payload(retryMilliseconds: Int, as format: EventFormat = .plain) -> ByteBuffer {
        var buffer = ByteBuffer()
        switch format {
        case .plain, .envelope, .tracedEnvelope, .composed:
            buffer.writeString("retry: \(retryMilliseconds)\nevent: stream-open\nid: \(position)\ndata: ")
            writeOpening(into: &buffer)
            buffer.writeString("}\n\n")
        case .lines:
            buffer.writeString("{\"event\":\"stream-open\",\"id\":\"\(position)\",\"data\":")
            writeOpening(into: &buffer)
            buffer.writeString(",\"retry\":\(retryMilliseconds)}}\n")
        }
        if let reset { Self.write(reset, at: position, as: format, into: &buffer) }
        return buffer
    }

    /// A `stream-reset` in the middle of a stream: retention has overtaken a slow reader, or it has met damage.
    static func payload(of reset: Reset, at position: MessageID, as format: EventFormat = .plain) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(reset, at: position, as: format, into: &buffer)
        return buffer
    }

    /// The data of `stream-open`, which is not closed.
    private func writeOpening(into buffer: inout ByteBuffer) {
        // Names and patterns hold no character that JSON escapes.
        buffer.writeString("{\"groups\":[")
        buffer.writeString(groups.map { "\"\($0)\"" }.joined(separator: ","))
        if !patterns.isEmpty {
            buffer.writeString("],\"match\":[")
            buffer.writeString(patterns.map { "\"\($0)\"" }.joined(separator: ","))
        }
        buffer.writeString("],\"resumed\":\(resumed)")
    }

    private static func write(
        _ reset: Reset,
        at position: MessageID,
        as format: EventFormat,
        into buffer: inout ByteBuffer
    ) {
        switch format {
        case .plain, .envelope, .tracedEnvelope, .composed:
            buffer.writeString("id: \(position)\nevent: stream-reset\ndata: ")
            reset.write(into: &buffer)
            buffer.writeString("\n\n")
        case .lines:
            buffer.writeString("{\"event\":\"stream-reset\",\"id\":\"\(position)\",\"data\":")
            reset.write(into: &buffer)
            buffer.writeString("}\n")
        }
    }
}

extension StreamPreamble.Reset {
    /// As a JSON object.
    func write(into buffer: inout ByteBuffer) {
        buffer.writeString("{\"reason\":\"\(reason.rawValue)\",\"requested\":")
        buffer.writeJSON(string: requested)
        buffer.writeString(",\"oldest\":")
        buffer.writeJSON(string: oldest?.description)
        buffer.writeString("}")
    }
}

extension EventFormat {
    /// What a silent stream says.
    var heartbeat: ByteBuffer {
        switch self {
        case .plain, .envelope, .tracedEnvelope, .composed: ByteBuffer(string: ":\n\n")
        case .lines: ByteBuffer(string: "\n")
        }
    }

    /// The last words of a stream: when to come back.
    ///
    /// - Parameter reason: Why, for people.
    func ending(retryMilliseconds: Int, reason: String? = nil) -> ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .plain, .envelope, .tracedEnvelope, .composed:
            buffer.writeString("retry: \(retryMilliseconds)\n")
            if let reason { buffer.writeString(": come back later: \(reason)\n") }
        case .lines:
            buffer.writeString("{\"event\":\"stream-end\",\"id\":null,\"data\":{\"retry\":\(retryMilliseconds)")
            if let reason {
                buffer.writeString(",\"reason\":")
                buffer.writeJSON(string: reason)
            }
            buffer.writeString("}}")
        }
        buffer.writeString("\n")
        return buffer
    }
}
