import Broker
import Gateway
import NIOCore
import NIOFoundationCompat

/// The messages of any groups for the admin's live tail: all under one event name, since a browser's `EventSource` tells only of
/// the names that it was asked about.
final class TailComposer: MessageComposer {
    private struct Shown: Encodable {
        let id: String?
        let group: String
        let event: String
        let data: String
        let created_at: String
    }

    private let names: AuthorNames

    /// - Parameter names: Composes the chat's messages.
    init(names: AuthorNames) {
        self.names = names
    }

    var revision: Int { names.revision }

    func compose(_ message: Message) -> ComposedEvent? {
        var data = message.data
        if let group = message.group, Chat.reservedGroups.contains(group) {
            guard let composed = names.compose(message) else { return nil }
            data = composed.data
        }
        let shown = Shown(
            id: message.id.map { "\($0)" },
            group: message.group?.description ?? "",
            event: message.event,
            data: String(buffer: data),
            created_at: "\(message.createdAt)"
        )
        return (try? StoredText.encode(shown)).map { ComposedEvent(data: ByteBuffer(data: $0)) }
    }
}
