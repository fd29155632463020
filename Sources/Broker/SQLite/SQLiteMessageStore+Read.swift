import Foundation
import GRDB
import NIOCore

extension SQLiteMessageStore {
    public func messages(
        of topics: [Topic],
        after: Int64,
        through: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        let length = Self.length(after: after, through: through, limit: limit, maximumBytes: maximumBytes)
        let groups = topics.compactMap(\.group)
        guard groups.count == topics.count else {
            let page = PageBuilder(epoch, limit: limit, maximumBytes: maximumBytes)
            if length == .short, let page = try await scannedShort(topics, after: after, through: through, page) {
                return page
            }
            return try await read(.long) { [configuration] db in
                try LogScan(topics, configuration.clock(), db)
                    .page(after: after, through: through, page, maximumLooks: .max)
            }
        }
        return try await read(length) { [epoch, configuration] db in
            let rows = try GroupRows(groups, db)
            // One index range for each group, merged by id: SQLite runs the parts as coroutines and stops at the limit.
            let part = "SELECT \(StoredMessage.columns) WHERE group_id = ? AND id > ? AND id <= ? AND \(Self.isKept)"
            let now = configuration.clock().milliseconds
            var page = PageBuilder(epoch, limit: limit, maximumBytes: maximumBytes)
            guard !rows.ids.isEmpty else { return page.page(of: rows) }
            let union = rows.ids.map { _ in part }.joined(separator: " UNION ALL ")
            let arguments = rows.ids.flatMap { [$0, after, through, now] } + [Int64(limit) + 1]
            try page.fill(
                from: Row.fetchCursor(
                    db.cachedStatement(sql: union + " ORDER BY id LIMIT ?"),
                    arguments: StatementArguments(arguments)
                ),
                rows.names
            )
            return page.page(of: rows)
        }
    }

    /// - Returns: Nil where it would be no short read after all.
    private func scannedShort(
        _ topics: [Topic],
        after: Int64,
        through: Int64,
        _ page: PageBuilder
    ) async throws(BrokerError) -> LogPage? {
        try await read(.short) { [configuration] db in
            do {
                return try LogScan(topics, configuration.clock(), db)
                    .page(after: after, through: through, page, maximumLooks: PatternGroups.fewLooks)
            } catch is PatternGroups.TooMany {
                return nil
            }
        }
    }

    public func newestMessages(
        of topics: [Topic],
        before: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        let groups = topics.compactMap(\.group)
        guard groups.count == topics.count else {
            return try await newestScanned(of: topics, before: before, limit: limit, maximumBytes: maximumBytes)
        }
        return try await read(.long) { [epoch, configuration] db in
            let rows = try GroupRows(groups, db)
            var page = PageBuilder(epoch, limit: limit, maximumBytes: maximumBytes)
            guard !rows.ids.isEmpty else { return page.page(of: rows) }
            let part = "SELECT \(StoredMessage.columns) WHERE group_id = ? AND id < ? AND \(Self.isKept)"
            let now = configuration.clock().milliseconds
            let union = rows.ids.map { _ in part }.joined(separator: " UNION ALL ")
            try page.fill(
                from: Row.fetchCursor(
                    db.cachedStatement(sql: union + " ORDER BY id DESC LIMIT ?"),
                    arguments: StatementArguments(rows.ids.flatMap { [$0, before, now] } + [Int64(limit) + 1])
                ),
                rows.names
            )
            return page.page(of: rows).reversed
        }
    }

    public func message(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Message? {
        try await messages(of: [.group(group)], after: sequence - 1, through: sequence, limit: 1, maximumBytes: .max)
            .messages.first
    }

    /// A page near the head looks at so many messages at most. What lies further back may have to pass over any number of
    /// messages whose `ttl` has ended, and whoever reads it has many pages to read.
    private static func length(after: Int64, through: Int64, limit: Int, maximumBytes: Int) -> ReadLength {
        let isNear = after >= through - LogPage.nearHead
        return isNear && (limit == 1 || maximumBytes <= 256 << 10) ? .short : .long
    }

    /// Whether a message is part of history: takes the time as an argument.
    static let isKept = "(expires_at IS NULL OR expires_at > ?)"

    /// Reads when the turn has come, see ``ReadSchedule``. A task that is cancelled interrupts its statement.
    func read<Value: Sendable>(
        _ length: ReadLength,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        guard beginUse() else { throw Self.closedError }
        defer { endUse() }
        do {
            return try await turns.take(length) { try await database.read(body) }
        } catch {
            throw SQLiteFailure.reading(error)
        }
    }

    /// A `long` read.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        try await read(.long, body)
    }
}

/// The rows of the groups that a read is about.
struct GroupRows {
    /// Row ids of those that exist.
    private(set) var ids: [Int64] = []
    private(set) var names: [Int64: GroupName] = [:]
    private(set) var removedThrough: Int64 = 0
    private(set) var oldest: Int64?
    /// How many messages they hold, those whose `ttl` has just ended among them.
    private(set) var messages = 0

    init(_ groups: some Sequence<GroupName>, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: "SELECT id, removed_through, first_id, messages FROM groups WHERE name = ?"
        )
        for group in Set(groups) {
            guard let row = try Row.fetchOne(statement, arguments: [group.description]) else {
                removedThrough = max(removedThrough, try SQLiteMessageStore.forgottenThrough(db))
                continue
            }
            let id = try row.value(0, as: Int64.self)
            ids.append(id)
            names[id] = group
            removedThrough = max(removedThrough, try row.value(1))
            messages += try row.value(3, as: Int.self)
            if let first = try row.optional(2, as: Int64.self) { oldest = min(oldest ?? first, first) }
        }
        ids.sort()
    }
}
