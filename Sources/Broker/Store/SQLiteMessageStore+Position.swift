import GRDB

extension SQLiteMessageStore {
    public func position(
        of start: ReplayStart,
        in groups: [GroupName],
        through: Int64
    ) async throws(BrokerError) -> Int64 {
        try await read { [configuration] db in
            let search = PositionSearch(rows: try GroupRows(groups, db).ids, now: configuration.clock(), db: db)
            let first =
                switch start {
                case .all: try search.earliest { try search.first(atOrAfter: 0, in: $0) }
                case .last(let count): try search.newest(count, through: through)
                case .since(let time): try search.earliest { try search.first(since: time, in: $0) }
                }
            return min(first.map { $0 - 1 } ?? through, through)
        }
    }
}

/// Finds the first message of a replay, by index.
private struct PositionSearch {
    /// The groups' row ids.
    let rows: [Int64]
    /// Messages whose `ttl` has ended by now are no part of a replay.
    let now: Timestamp
    let db: Database

    func earliest(_ find: (Int64) throws -> Int64?) throws -> Int64? {
        try rows.compactMap(find).min()
    }

    func first(atOrAfter sequence: Int64, in row: Int64) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT id FROM messages WHERE group_id = ? AND id >= ? AND \(SQLiteMessageStore.isKept)
                    ORDER BY id LIMIT 1
                    """
            ),
            arguments: [row, sequence, now.milliseconds]
        )
    }

    /// Bisects the ids: times ascend with them, so no index over the times has to be kept up on every publish.
    func first(since time: Timestamp, in row: Int64) throws -> Int64? {
        guard let oldest = try stored("id >= ? ORDER BY id", 0, in: row),
            let newest = try stored("id <= ? ORDER BY id DESC", .max, in: row)
        else { return nil }
        // What lies before `low` is older than the time, what lies at or after `high` is not.
        var (low, high) = (oldest.sequence, newest.sequence + 1)
        var answer: Int64?
        while low < high {
            let middle = low + (high - low) / 2
            guard let found = try stored("id >= ? ORDER BY id", middle, in: row), found.sequence < high else {
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
        return try answer.flatMap { try first(atOrAfter: $0, in: row) }
    }

    /// The first message of a group under a condition, also where its `ttl` has ended: it tells the time all the same.
    private func stored(
        _ condition: String,
        _ sequence: Int64,
        in row: Int64
    ) throws -> (sequence: Int64, createdAt: Timestamp)? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT id, created_at FROM messages WHERE group_id = ? AND \(condition) LIMIT 1"),
            arguments: [row, sequence]
        ).map { (try $0.value(0), Timestamp(milliseconds: try $0.value(1))) }
    }

    func newest(_ count: Int, through: Int64) throws -> Int64? {
        guard count > 0, !rows.isEmpty else { return nil }
        // The index alone answers, unless the rows have to be asked whether they are still kept.
        let isAnyExpired = try SQLiteMessageStore.hasExpired(by: now, db)
        let condition = isAnyExpired ? " AND \(SQLiteMessageStore.isKept)" : ""
        let union = rows.map { _ in "SELECT id FROM messages WHERE group_id = ? AND id <= ?\(condition)" }
        let part = { (row: Int64) in isAnyExpired ? [row, through, now.milliseconds] : [row, through] }
        return try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT min(id) FROM (\(union.joined(separator: " UNION ALL ")) ORDER BY id DESC LIMIT ?)
                    """
            ),
            arguments: StatementArguments(rows.flatMap(part) + [Int64(count)])
        )
    }
}
