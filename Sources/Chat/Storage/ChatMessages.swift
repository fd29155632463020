import Broker
import GRDB
import NIOCore
import NIOFoundationCompat

/// The chat's messages and authors: the broker's log, and what the chat knows beside it.
struct ChatMessages: Sendable {
    let log: MessageLog
    let store: SQLiteMessageStore
    let group: GroupName
    /// Where open pages are told of what was removed and renamed.
    let changes: GroupName
    let names: AuthorNames

    /// Takes away what a stop in the middle of removing an author has left, and loads the names that have changed.
    func prepare() async throws(BrokerError) {
        let (orphans, renamed) = try await store.readTables(.long) { [group] db in
            let orphans = try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM \(SQLiteMessageStore.messagesSource) WHERE group_name = ?
                        AND event = ? AND id NOT IN (SELECT id FROM chat_messages)
                    """,
                arguments: [group.description, Message.defaultEvent]
            )
            let rows = try Row.fetchAll(db, sql: "SELECT id, name FROM chat_authors WHERE renamed")
            return (orphans, rows.map { (id: $0[0] as Int64, name: $0[1] as String) })
        }
        for author in renamed { names.rename(author.id, to: author.name) }
        if !orphans.isEmpty { try await remove(orphans.map { ($0, group) }) }
    }

    /// Stores a message with its author, who is made where there is none of this name, and publishes it.
    ///
    /// The author is looked up and made on the store's one writer, in the message's transaction: two requests that race
    /// make one author.
    ///
    /// - Parameter sending: The browser's name for this sending: a second try under it makes no second message.
    /// - Returns: The message's id.
    func post(_ content: String, by name: String, sending: String?) async throws(BrokerError) -> MessageID {
        let key = sending.map { SecretToken.digest(of: "sending", "\(name)\u{0}\($0)").urlSafeText }
        var draft = try MessageDraft(group: group, text: content, idempotencyKey: key)
        let limit = log.configuration.maximumMessageSize
        draft.attachment = SQLiteAttachment(
            data: { db in
                let data = try StoredText(author: try Self.author(name, db), name: name, content: content).data
                // Escapes make up to six bytes of one: what is stored, and sent to everybody, counts.
                guard data.readableBytes <= limit else {
                    throw BrokerError(
                        .messageTooLarge,
                        "The message has \(data.readableBytes) bytes with its name and its escapes: at most \(limit) are allowed."
                    )
                }
                return data
            },
            stored: { db, sequence in
                try db.cachedStatement(
                    sql: "INSERT INTO chat_messages (id, author_id) SELECT ?, id FROM chat_authors WHERE name = ?"
                ).execute(arguments: [sequence, name])
            }
        )
        guard let id = try await log.publish(draft).id else {
            throw BrokerError(.storeUnavailable, "The message got no id.")
        }
        return id
    }

    private static func author(_ name: String, _ db: Database) throws -> Int64 {
        let found = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM chat_authors WHERE name = ?"),
            arguments: [name]
        )
        if let found { return found }
        try db.cachedStatement(sql: "INSERT INTO chat_authors (name, created_at) VALUES (?, ?)")
            .execute(arguments: [name, Timestamp.now().milliseconds])
        return db.lastInsertedRowID
    }

    // MARK: Removing

    /// Removes messages of any group. Open pages of the chat take theirs away.
    ///
    /// They are told first: were it done the other way around, a stop between the two would leave them what is gone.
    func remove(_ messages: [(sequence: Int64, group: GroupName)]) async throws(BrokerError) {
        let ours = messages.filter { $0.group == group }.map(\.sequence)
        names.hide(ours)
        try await tell("removed", of: ours)
        for (group, messages) in Dictionary(grouping: messages, by: \.group) {
            try await log.delete(contentsOf: messages.map(\.sequence), in: group)
        }
    }

    /// Removes everything that a group holds now; clients that resume from before are told.
    func purge(_ purged: GroupName) async throws(BrokerError) {
        let last = log.frontier
        if purged == group {
            names.hide(through: last.sequence)
            try await publish("removed", Change(through: "\(last)"))
        }
        try await log.purge(purged, through: last.sequence)
    }
}
