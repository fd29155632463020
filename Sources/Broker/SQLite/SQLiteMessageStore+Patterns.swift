import GRDB

/// Reads for topics among which are patterns: the log is looked through in stretches, each in a turn of its own.
extension SQLiteMessageStore {
    func newestScanned(
        of topics: [Topic],
        before: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        var page = PageBuilder(epoch, limit: limit, maximumBytes: maximumBytes)
        // A pattern that matches no group does not have the log read to its beginning.
        let oldest = try await oldest(in: topics) ?? .max
        var next: Int64? = oldest < before ? before : nil
        while let bound = next {
            let filled = page
            (page, next) = try await scan(topics) { scan in
                var page = filled
                let next = try scan.fill(&page, below: bound, from: oldest)
                return (page, next)
            }
        }
        return LogPage(messages: page.messages, isComplete: !page.isFull, removedThrough: 0, oldest: nil).reversed
    }

    /// Where a replay begins: the first message of it; nil where there is none.
    func firstScanned(
        of start: ReplayStart,
        in topics: [Topic],
        through: Int64
    ) async throws(BrokerError) -> Int64? {
        guard let oldest = try await oldest(in: topics) else { return nil }
        switch start {
        case .all: return try await first(in: topics, after: oldest - 1, through: through)
        case .since(let time):
            let first = try await read(.short) { try Self.first(since: time, $0) }
            guard let first else { return nil }
            return try await self.first(in: topics, after: max(first, oldest) - 1, through: through)
        case .last(let count): return try await newest(count, in: topics, after: oldest - 1, through: through)
        }
    }

    private func oldest(in topics: [Topic]) async throws(BrokerError) -> Int64? {
        try await read(.long) { db in
            var oldest = try GroupRows(topics.compactMap(\.group), db).oldest
            for case .pattern(let pattern) in topics {
                var groups = PatternGroups(pattern, db)
                if let first = try groups.oldest() { oldest = min(oldest ?? first, first) }
            }
            return oldest
        }
    }

    private func first(in topics: [Topic], after: Int64, through: Int64) async throws(BrokerError) -> Int64? {
        var next: Int64? = after
        while let after = next {
            let found = try await scan(topics) { try $0.first(after: after, through: through) }
            if let first = found.found { return first }
            next = found.end
        }
        return nil
    }

    private func newest(
        _ count: Int,
        in topics: [Topic],
        after: Int64,
        through: Int64
    ) async throws(BrokerError) -> Int64? {
        var (left, lowest) = (count, Int64?.none)
        var next: Int64? = through
        while left > 0, let bound = next {
            let wanted = left
            let found = try await scan(topics) { try $0.newest(wanted, after: after, through: bound) }
            left -= found.count
            lowest = found.lowest ?? lowest
            next = found.end.map { $0 - 1 }
        }
        return lowest
    }

    /// The first message of the log that is not older than a time, by bisection: times ascend with the ids.
    private static func first(since time: Timestamp, _ db: Database) throws -> Int64? {
        func message(_ condition: String, _ sequence: Int64) throws -> (sequence: Int64, createdAt: Timestamp)? {
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT id, created_at FROM messages WHERE \(condition) LIMIT 1"),
                arguments: [sequence]
            ).map { (try $0.value(0), Timestamp(milliseconds: try $0.value(1))) }
        }
        guard let oldest = try message("id >= ? ORDER BY id", 0),
            let newest = try message("id <= ? ORDER BY id DESC", .max)
        else { return nil }
        var (low, high) = (oldest.sequence, newest.sequence + 1)
        var answer: Int64?
        while low < high {
            let middle = low + (high - low) / 2
            guard let found = try message("id >= ? ORDER BY id", middle), found.sequence < high else {
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

    private func scan<Value: Sendable>(
        _ topics: [Topic],
        _ body: @escaping @Sendable (LogScan) throws -> Value
    ) async throws(BrokerError) -> Value {
        try await read(.long) { [configuration] db in
            try body(LogScan(topics, configuration.clock(), db))
        }
    }
}
