import Broker
import NIOCore
import NIOFoundationCompat

/// What the admin has changed, for pages that show messages already.
///
/// Changes are messages of a group of their own, which the chat's stream follows too: so a page that was disconnected gets
/// them when it resumes. They name messages and not authors: whoever gets some of them twice, or together with messages
/// that are composed anew, ends with the same.
extension ChatMessages {
    struct Change: Encodable {
        /// Messages of the chat; those that a page does not show are none of its business.
        var ids: [String]?
        /// Or all messages up to this one.
        var through: String?
        /// Their author's new name.
        var to: String?
    }

    /// How long a page may have been away and still learn of a change. `chat.js` loads anew what was away for longer.
    static let changesLast = Duration.seconds(24 * 3600)

    /// Tells of a change of these messages, in as many parts as the largest message demands.
    func tell(_ event: String, of messages: [Int64], to name: String? = nil) async throws(BrokerError) {
        let ids = messages.map { "\(store.epochs.id($0))" }
        // Beside each id stand two quotation marks and a comma, beside all of them `{"ids":[],"to":""}`.
        let room = log.configuration.maximumMessageSize - 32 - 6 * (name?.utf8.count ?? 0)
        let count = max(1, room / ((ids.lazy.map(\.utf8.count).max() ?? 0) + 3))
        for start in stride(from: 0, to: ids.count, by: count) {
            let part = Array(ids[start..<min(start + count, ids.count)])
            try await publish(event, Change(ids: part, to: name))
        }
    }

    func publish(_ event: String, _ change: Change) async throws(BrokerError) {
        guard let data = try? StoredText.encode(change) else { return }
        try await log.publish(
            MessageDraft(group: changes, event: event, data: ByteBuffer(data: data), ttl: Self.changesLast)
        )
    }
}
