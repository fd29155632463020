import GRDB

extension SQLiteMessageStore {
    public func position(
        of start: ReplayStart,
        in groups: [GroupName],
        through: Int64
    ) async throws(BrokerError) -> Int64 {
        try await read { db in
            let rows = try GroupRows(groups, db)
            let first =
                switch start {
                case .all:
                    try rows.ids.compactMap { try Self.first(atOrAfter: 0, in: $0, db)?.sequence }.min()
                case .last(let count):
                    try Self.newest(count, in: rows, through: through, db)
                case .since(let time):
                    try rows.ids.compactMap { try Self.first(since: time, in: $0, db) }.min()
                }
            return min(first.map { $0 - 1 } ?? through, through)
        }
    }

    private static func first(
        atOrAfter sequence: Int64,
        in row: Int64,
        _ db: Database
    ) throws -> (sequence: Int64, createdAt: Timestamp)? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT id, created_at FROM messages WHERE group_id = ? AND id >= ? ORDER BY id LIMIT 1"
            ),
            arguments: [row, sequence]
        ).map { ($0[0], Timestamp(milliseconds: $0[1])) }
    }

    /// Bisects the ids: times ascend with them, so no index over the times has to be kept up on every publish.
    private static func first(since time: Timestamp, in row: Int64, _ db: Database) throws -> Int64? {
        guard let oldest = try first(atOrAfter: 0, in: row, db),
            let newest = try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT max(id) FROM messages WHERE group_id = ?"),
                arguments: [row]
            )
        else { return nil }
        // What lies before `low` is older than the time, what lies at or after `high` is not.
        var (low, high) = (oldest.sequence, newest + 1)
        var answer: Int64?
        while low < high {
            let middle = low + (high - low) / 2
            guard let found = try first(atOrAfter: middle, in: row, db), found.sequence < high else {
                high = middle
                continue
            }
            if found.createdAt >= time {
                answer = found.sequence
                high = middle
            } else {
                low = found.sequence + 1
            }
        }
        return answer
    }

    private static func newest(_ count: Int, in rows: GroupRows, through: Int64, _ db: Database) throws -> Int64? {
        guard count > 0, !rows.ids.isEmpty else { return nil }
        let union = rows.ids.map { _ in "SELECT id FROM messages WHERE group_id = ? AND id <= ?" }
        let arguments = StatementArguments(rows.ids.flatMap { [$0, through] } + [Int64(count)])
        return try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT min(id) FROM (\(union.joined(separator: " UNION ALL ")) ORDER BY id DESC LIMIT ?)
                    """
            ),
            arguments: arguments
        )
    }
}
