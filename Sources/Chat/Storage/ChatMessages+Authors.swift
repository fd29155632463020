import Broker
import GRDB

/// Somebody who wrote a message.
struct Author: Sendable {
    let id: Int64
    let name: String
    let messages: Int
    let createdAt: Timestamp
}

extension ChatMessages {
    /// Authors by name, from the one after `after`, whose names hold `search`. Nothing comes before an empty `after`.
    func authors(search: String, after: String, limit: Int) async throws(BrokerError) -> [Author] {
        try await store.readTables(.long) { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, name, (SELECT count(*) FROM chat_messages WHERE author_id = a.id), created_at
                    FROM chat_authors a WHERE name \(after.isEmpty ? ">=" : ">") ? AND name LIKE ? ESCAPE '\\' ORDER BY name LIMIT ?
                    """,
                arguments: [after, search.likePattern, limit]
            ).map(Self.author)
        }
    }

    func author(_ id: Int64) async throws(BrokerError) -> Author? {
        try await store.readTables(.long) { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT id, name, (SELECT count(*) FROM chat_messages WHERE author_id = a.id), created_at
                    FROM chat_authors a WHERE id = ?
                    """,
                arguments: [id]
            ).map(Self.author)
        }
    }

    private static func author(_ row: Row) -> Author {
        Author(id: row[0], name: row[1], messages: row[2], createdAt: Timestamp(milliseconds: row[3]))
    }

    /// Gives an author another name, everywhere: in what is replayed from now on, and in open pages.
    ///
    /// A user who is signed in under the old name stays so, and writes as a new author of that name.
    ///
    /// - Returns: False where another author has the name.
    func rename(_ author: Author, to name: String) async throws(BrokerError) -> Bool {
        let written = try await store.writeTables { db -> [Int64]? in
            let other = try Int64.fetchOne(db, sql: "SELECT id FROM chat_authors WHERE name = ?", arguments: [name])
            guard other == nil || other == author.id else { return nil }
            try db.execute(
                sql: "UPDATE chat_authors SET name = ?, renamed = 1 WHERE id = ?",
                arguments: [name, author.id]
            )
            return try Self.messages(of: author.id, db)
        }
        guard let written else { return false }
        names.rename(author.id, to: name)
        try await tell("renamed", of: written, to: name)
        return true
    }

    /// Removes an author with all messages.
    func remove(_ author: Author) async throws(BrokerError) {
        let messages = try await store.writeTables { db in
            let ids = try Self.messages(of: author.id, db)
            try db.execute(sql: "DELETE FROM chat_messages WHERE author_id = ?", arguments: [author.id])
            try db.execute(sql: "DELETE FROM chat_authors WHERE id = ?", arguments: [author.id])
            return ids
        }
        names.remove(author.id)
        try await remove(messages.map { ($0, group) })
    }

    private static func messages(of author: Int64, _ db: Database) throws -> [Int64] {
        try Int64.fetchAll(
            db,
            sql: "SELECT id FROM chat_messages WHERE author_id = ? ORDER BY id",
            arguments: [author]
        )
    }
}

extension String {
    /// For SQL's `LIKE … ESCAPE '\'`: whatever holds this text.
    var likePattern: String {
        var pattern = "%"
        for character in unicodeScalars {
            if character == "%" || character == "_" || character == "\\" { pattern += "\\" }
            pattern.unicodeScalars.append(character)
        }
        return pattern + "%"
    }
}
