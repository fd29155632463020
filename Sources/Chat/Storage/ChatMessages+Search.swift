import Broker
import Foundation
import GRDB

/// A message of any group as the admin shows it.
struct FoundMessage: Sendable {
    let sequence: Int64
    let group: GroupName
    let event: String
    /// For a message of the chat its text, else its data.
    let text: String
    /// Of the chat's messages.
    let author: String?
    let authorID: Int64?
    let createdAt: Timestamp
}

/// What the admin looks for; empty parts count as none.
struct MessageSearch: Sendable {
    var text = ""
    var group = ""
    var author = ""
    var from: Timestamp?
    var to: Timestamp?
    /// Older than this sequence.
    var before: Int64?
}

extension ChatMessages {
    /// A search looks at so many messages at most before it says where it stopped: it must not hold a reader for minutes.
    private static let searchedMessages: Int64 = 200_000
    /// What is shown of a text: a page of the admin must stay a page.
    private static let shownBytes = 5000

    /// The newest messages that fit, newest first.
    ///
    /// - Returns: With them, from where an older page goes on; nil at the end.
    func search(_ search: MessageSearch, limit: Int) async throws(BrokerError) -> (found: [FoundMessage], next: Int64?)
    {
        let newest = min(search.before ?? .max, log.frontier.sequence + 1)
        let group = group.description
        return try await store.readTables(.long) { db in
            ShownText.add(to: db)
            // Where the search begins to look: the newest so many rows below the bound.
            let floor =
                try Int64.fetchOne(
                    db,
                    sql:
                        "SELECT id FROM \(SQLiteMessageStore.messagesSource) WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?",
                    arguments: [newest, Self.searchedMessages]
                ) ?? 0
            let rows = try Row.fetchAll(
                db,
                sql: Self.statement,
                arguments: [
                    "chat": group, "changes": changes.description, "before": newest, "floor": floor,
                    "group": search.group, "author": search.author, "text": Data(search.text.utf8),
                    "anyText": search.text.isEmpty, "from": search.from?.milliseconds ?? .min,
                    "to": search.to?.milliseconds ?? .max, "shown": Self.shownBytes, "limit": limit + 1,
                    "now": Timestamp.now().milliseconds,
                ]
            )
            var found = try rows.map { row in
                let authorID: Int64? = row[5]
                let shown: Data? = row[3]
                return FoundMessage(
                    sequence: row[0],
                    group: try GroupName(stored: row[1] as String),
                    event: row[2],
                    text: String(decoding: shown ?? Data(), as: UTF8.self),
                    author: row[4],
                    authorID: authorID,
                    createdAt: Timestamp(milliseconds: row[6])
                )
            }
            guard found.count > limit else { return (found, floor > 0 ? floor + 1 : nil) }
            found.removeLast(found.count - limit)
            return (found, found.last?.sequence)
        }
    }

    private static let statement = """
        SELECT id, group_name, event, shown_text(data, is_chat, :shown), author, author_id, created_at FROM (
            SELECT m.id, m.group_name, m.event, a.name AS author, a.id AS author_id, m.created_at, m.data,
                m.group_name = :chat AS is_chat
            FROM \(SQLiteMessageStore.messagesSource) m
                LEFT JOIN chat_messages c ON c.id = m.id LEFT JOIN chat_authors a ON a.id = c.author_id
            WHERE m.id < :before AND m.id > :floor AND m.group_name <> :changes AND (:group = '' OR m.group_name = :group)
                AND (:author = '' OR a.name = :author) AND m.created_at >= :from AND m.created_at < :to
                AND (m.expires_at IS NULL OR m.expires_at > :now)
        ) WHERE :anyText OR shown_text_holds(data, is_chat, :text) ORDER BY id DESC LIMIT :limit
        """

    /// Single messages, for a confirmation; those that are gone are left out.
    func messages(_ sequences: [Int64]) async throws(BrokerError) -> [FoundMessage] {
        var result: [FoundMessage] = []
        let published = 0...log.frontier.sequence
        for sequence in sequences where published.contains(sequence) {
            var search = MessageSearch()
            search.before = sequence + 1
            let found = try await self.search(search, limit: 1).found
            if let first = found.first, first.sequence == sequence { result.append(first) }
        }
        return result
    }
}
