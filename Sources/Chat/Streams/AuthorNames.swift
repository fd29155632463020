import Broker
import Gateway
import NIOCore
import Synchronization

/// Composes the chat's payload `{"id","author__name","content"}`, with the author's name of today.
///
/// A message holds the name that it was written under. Only the changes since are kept here, so memory grows with what the
/// admin has changed and not with who has written.
final class AuthorNames: MessageComposer {
    private struct Changes {
        var names: [Int64: String] = [:]
        var removed: Set<Int64> = []
        /// Removed messages that may still be among the recent ones in memory.
        var hidden: Set<Int64> = []
        var hiddenThrough: Int64 = 0
    }

    /// So many removed messages are remembered, then the newer half: the older ones have long left memory.
    private static let maximumHidden = 20_000

    private let changes = Mutex(Changes())
    private let changed = Atomic<Int>(0)

    var revision: Int { changed.load(ordering: .acquiring) }

    func rename(_ author: Int64, to name: String) {
        change { $0.names[author] = name }
    }

    func remove(_ author: Int64) {
        change {
            $0.removed.insert(author)
            $0.names[author] = nil
        }
    }

    func hide(_ messages: [Int64]) {
        change { changes in
            changes.hidden.formUnion(messages)
            guard changes.hidden.count > Self.maximumHidden else { return }
            changes.hidden = Set(changes.hidden.sorted().suffix(Self.maximumHidden / 2))
        }
    }

    func hide(through sequence: Int64) {
        change {
            $0.hiddenThrough = max($0.hiddenThrough, sequence)
            $0.hidden = $0.hidden.filter { $0 > sequence }
        }
    }

    private func change(_ body: (inout Changes) -> Void) {
        changes.withLock { body(&$0) }
        changed.wrappingAdd(1, ordering: .releasing)
    }

    /// The name of an author who was given another; nil where it is the one in the message.
    func name(of author: Int64) -> String? { changes.withLock { $0.names[author] } }

    func compose(_ message: Message) -> ComposedEvent? {
        guard message.event == Message.defaultEvent else {
            return ComposedEvent(event: message.event, data: message.data)
        }
        return payload(of: message).map { ComposedEvent(data: $0) }
    }

    private func payload(of message: Message) -> ByteBuffer? {
        guard let id = message.id, let (author, rest) = StoredText.rest(of: message.data) else { return nil }
        let (isGone, name) = changes.withLock { changes in
            let isHidden = id.sequence <= changes.hiddenThrough || changes.hidden.contains(id.sequence)
            return (isHidden || changes.removed.contains(author), changes.names[author])
        }
        guard !isGone else { return nil }
        var payload = ByteBuffer(string: "{\"id\":\"\(id)\",")
        guard let name else {
            payload.writeBytes(rest)
            return payload
        }
        guard let text = StoredText(message.data),
            let renamed = try? StoredText.encode(Renamed(author__name: name, content: text.content))
        else { return nil }
        payload.writeBytes(renamed.dropFirst())
        return payload
    }

    private struct Renamed: Encodable {
        let author__name: String
        let content: String
    }
}
