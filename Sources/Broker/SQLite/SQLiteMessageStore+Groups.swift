import GRDB

extension SQLiteMessageStore {
    public func groups(prefix: String, after: String, limit: Int) async throws(BrokerError) -> [StoredGroup] {
        try await read(.short) { db in
            // Names are ASCII and compared as bytes, so all that begin with a prefix lie before prefix + "\u{7f}".
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT name, messages, first_id, last_id FROM groups
                        WHERE name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?
                        """
                ),
                arguments: [after, prefix, prefix + "\u{7f}", limit]
            ).map(Self.storedGroup)
        }
    }

    public func group(_ name: GroupName) async throws(BrokerError) -> StoredGroup? {
        try await read(.short) { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT name, messages, first_id, last_id FROM groups WHERE name = ?"),
                arguments: [name.description]
            ).map(Self.storedGroup)
        }
    }

    private static func storedGroup(_ row: Row) throws -> StoredGroup {
        StoredGroup(
            name: try GroupName(stored: row.value(0, as: String.self)),
            messages: try row.value(1),
            first: try row.optional(2),
            last: try row.optional(3)
        )
    }
}
