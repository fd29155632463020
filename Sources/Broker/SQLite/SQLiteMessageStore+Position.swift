import GRDB

extension SQLiteMessageStore {
    public func position(
        of start: ReplayStart,
        in topics: [Topic],
        through: Int64
    ) async throws(BrokerError) -> Int64 {
        let groups = topics.compactMap(\.group)
        guard groups.count == topics.count else {
            return min(
                try await firstScanned(of: start, in: topics, through: through).map { $0 - 1 } ?? through,
                through
            )
        }
        let first: Int64?
        switch start {
        case .all: first = try await earliest(in: groups) { try $0.first(atOrAfter: 0, in: $1) }
        case .since(let time): first = try await earliest(in: groups) { try $0.first(since: time, in: $1) }
        case .last(let count): first = try await newest(count, in: groups, through: through)
        }
        return min(first.map { $0 - 1 } ?? through, through)
    }

    /// Groups that are looked at in one turn.
    private static let groupsAtOnce = 50
    /// Messages that are counted in one turn, and those for which nobody is made to wait.
    private static let countedAtOnce = 4096
    private static let countedSoon = 100

    private func earliest(
        in groups: [GroupName],
        _ find: @escaping @Sendable (PositionSearch, Int64) throws -> Int64?
    ) async throws(BrokerError) -> Int64? {
        var earliest: Int64?
        var rest = groups[...]
        while !rest.isEmpty {
            let some = rest.prefix(Self.groupsAtOnce)
            rest = rest.dropFirst(some.count)
            let first = try await search(.long, in: some) { search in
                try search.rows.ids.compactMap { try find(search, $0) }.min()
            }
            if let first { earliest = min(earliest ?? first, first) }
        }
        return earliest
    }

    /// Counts back from the newest, a stretch in each turn.
    private func newest(_ count: Int, in groups: [GroupName], through: Int64) async throws(BrokerError) -> Int64? {
        guard count > 0 else { return nil }
        if try await search(.short, in: groups[...], { $0.rows.messages }) <= count {
            return try await earliest(in: groups) { try $0.first(atOrAfter: 0, in: $1) }
        }
        var (left, bound) = (count, through)
        var first: Int64?
        while left > 0 {
            let stretch = min(left, Self.countedAtOnce)
            let last = bound
            let found = try await search(count <= Self.countedSoon ? .short : .long, in: groups[...]) {
                try $0.newest(stretch, through: last)
            }
            guard let lowest = found.lowest else { break }
            (first, left, bound) = (lowest, left - found.count, lowest - 1)
            if found.count < stretch { break }
        }
        return first
    }

    private func search<Value: Sendable>(
        _ length: ReadLength,
        in groups: ArraySlice<GroupName>,
        _ body: @escaping @Sendable (PositionSearch) throws -> Value
    ) async throws(BrokerError) -> Value {
        try await read(length) { [configuration] db in
            try body(PositionSearch(rows: GroupRows(groups, db), now: configuration.clock(), db: db))
        }
    }
}

/// Finds the first message of a replay, by index.
private struct PositionSearch {
    let rows: GroupRows
    /// Messages whose `ttl` has ended by now are no part of a replay.
    let now: Timestamp
    let db: Database

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
        // Messages before `low` are older than the time; those from `high` on are not.
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

    /// The newest `count` messages up to and including a sequence.
    ///
    /// - Returns: The lowest of their sequences, and how many there are.
    func newest(_ count: Int, through: Int64) throws -> (lowest: Int64?, count: Int) {
        guard !rows.ids.isEmpty else { return (nil, 0) }
        // The index alone answers, unless the rows have to be asked whether they are still kept.
        let isAnyExpired = try SQLiteMessageStore.hasExpired(by: now, db)
        let condition = isAnyExpired ? " AND \(SQLiteMessageStore.isKept)" : ""
        let union = rows.ids.map { _ in "SELECT id FROM messages WHERE group_id = ? AND id <= ?\(condition)" }
        let part = { (row: Int64) in isAnyExpired ? [row, through, now.milliseconds] : [row, through] }
        let found = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT min(id), count(*) FROM (\(union.joined(separator: " UNION ALL ")) ORDER BY id DESC LIMIT ?)
                    """
            ),
            arguments: StatementArguments(rows.ids.flatMap(part) + [Int64(count)])
        )
        guard let found else { return (nil, 0) }
        return (try found.optional(0), try found.value(1))
    }
}
