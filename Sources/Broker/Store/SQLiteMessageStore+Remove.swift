import GRDB

extension SQLiteMessageStore {
    public func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        try await write { db in
            guard let row = try GroupRows([group], db).ids.first else { return false }
            let bytes = try Int.fetchOne(
                db,
                sql: "SELECT length(data) FROM messages WHERE id = ? AND group_id = ?",
                arguments: [sequence, row]
            )
            guard let bytes else { return false }
            try db.execute(sql: "DELETE FROM messages WHERE id = ?", arguments: [sequence])
            try Self.count(removed: 1, bytes: bytes, row, db)
            return true
        }
    }

    public func remove(_ group: GroupName, through sequence: Int64) async throws(BrokerError) {
        try await write { db in
            guard let row = try GroupRows([group], db).ids.first else { return }
            let range = "FROM messages WHERE group_id = ? AND id <= ?"
            let removed = try Row.fetchOne(
                db,
                sql: "SELECT count(*), coalesce(sum(length(data)), 0), max(id) \(range)",
                arguments: [row, sequence]
            )
            guard let removed, let highest: Int64 = removed[2] else { return }
            try db.execute(sql: "DELETE \(range)", arguments: [row, sequence])
            try Self.count(removed: removed[0], bytes: removed[1], row, db)
            try db.execute(
                sql: "UPDATE groups SET removed_through = max(removed_through, ?) WHERE id = ?",
                arguments: [highest, row]
            )
        }
    }

    private static func count(removed: Int, bytes: Int, _ row: Int64, _ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE groups SET messages = messages - :removed, bytes = bytes - :bytes,
                    first_id = (SELECT min(id) FROM messages WHERE group_id = :row),
                    last_id = (SELECT max(id) FROM messages WHERE group_id = :row)
                WHERE id = :row
                """,
            arguments: ["removed": removed, "bytes": bytes, "row": row]
        )
    }

    private func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        do {
            return try await database.write(body)
        } catch {
            throw SQLiteFailure.writing(error)
        }
    }
}
