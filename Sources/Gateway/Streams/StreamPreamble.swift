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
    let position: MessageID
    let resumed: Bool
    let reset: Reset?

    /// `retry:` and `stream-open`, then `stream-reset` if there is one: the first bytes of the stream's body.
    func payload(retryMilliseconds: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString("retry: \(retryMilliseconds)\nevent: stream-open\nid: \(position)\ndata: {\"groups\":[")
        for (index, group) in groups.enumerated() {
            buffer.writeString(index == 0 ? "\"\(group)\"" : ",\"\(group)\"")
        }
        buffer.writeString("],\"resumed\":\(resumed)}\n\n")
        if let reset { Self.write(reset, at: position, into: &buffer) }
        return buffer
    }

    /// A `stream-reset` in the middle of a stream: retention has overtaken a slow reader, or it has met damage.
    static func payload(of reset: Reset, at position: MessageID) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(reset, at: position, into: &buffer)
        return buffer
    }

    private static func write(_ reset: Reset, at position: MessageID, into buffer: inout ByteBuffer) {
        buffer.writeString("id: \(position)\nevent: stream-reset\ndata: {\"reason\":\"\(reset.reason.rawValue)\"")
        buffer.writeString(",\"requested\":")
        buffer.writeJSON(string: reset.requested)
        buffer.writeString(",\"oldest\":")
        buffer.writeJSON(string: reset.oldest?.description)
        buffer.writeString("}\n\n")
    }
}
