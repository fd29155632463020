import GRDB
import Synchronization

extension SQLiteMessageStore {
    public func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        try await write(telling: { $0 ? [.message(sequence, in: group)] : [] }) { [configuration] db in
            guard let row = try GroupRows([group], db).ids.first else { return false }
            let bytes = try Int.fetchOne(
                db.cachedStatement(
                    sql: "SELECT length(data) FROM messages WHERE id = ? AND group_id = ? AND \(Self.isKept)"
                ),
                arguments: [sequence, row, configuration.clock().milliseconds]
            )
            guard let bytes else { return false }
            try Self.delete(sequence, db)
            try Self.count(removed: 1, bytes: bytes, row, db)
            return true
        }
    }

    public func delete(contentsOf sequences: [Int64], in group: GroupName) async throws(BrokerError) {
        var rest = sequences[...]
        while !rest.isEmpty {
            let step = try await write(telling: { $0.removals }) { [rest] db in
                try Self.deleteStep(rest, in: group, db)
            }
            rest = step.rest
        }
    }

    /// As many as one transaction takes.
    private static func deleteStep(
        _ sequences: ArraySlice<Int64>,
        in group: GroupName,
        _ db: Database
    ) throws -> (rest: ArraySlice<Int64>, removals: [Removal]) {
        guard let row = try GroupRows([group], db).ids.first else { return ([], []) }
        let size = try db.cachedStatement(sql: "SELECT length(data) FROM messages WHERE id = ? AND group_id = ?")
        var rest = sequences
        var budget = StepBudget()
        var removals: [Removal] = []
        var bytes = 0
        while !budget.isSpent, let sequence = rest.popFirst() {
            let found = try Int.fetchOne(size, arguments: [sequence, row])
            budget.spend(found ?? 0)
            guard let found else { continue }
            try delete(sequence, db)
            removals.append(.message(sequence, in: group))
            bytes += found
        }
        if !removals.isEmpty { try count(removed: removals.count, bytes: bytes, row, db) }
        return (rest, removals)
    }

    public func remove(_ group: GroupName, through sequence: Int64) async throws(BrokerError) {
        var isDone = false
        while !isDone {
            let removed = try await write(
                telling: { (removed: RemovedOldest) in
                    removed.through.map { [.messages(through: $0, in: group)] } ?? []
                }
            ) { [configuration] db in
                guard let row = try GroupRows([group], db).ids.first else { return RemovedOldest() }
                let now = configuration.clock()
                var budget = StepBudget()
                return try Self.removeOldest(of: row, now, &budget, db) { $0.sequence <= sequence }
            }
            isDone = removed.isDone
        }
    }

    /// One transaction of removals takes at most so many messages and about so many bytes, so that publishes wait for it
    /// a few milliseconds at most.
    static let stepMessages = 1000
    static let stepBytes = 4 << 20

    /// What a transaction of removals may still take.
    struct StepBudget {
        private(set) var messages = stepMessages
        private(set) var bytes = stepBytes

        var isSpent: Bool { messages <= 0 || bytes <= 0 }

        mutating func spend(_ size: Int) {
            messages -= 1
            bytes -= size
        }
    }

    /// A message that a removal looks at.
    struct Candidate {
        let sequence: Int64
        let bytes: Int
        let createdAt: Timestamp
    }

    struct RemovedOldest {
        var messages = 0
        var bytes = 0
        /// Nil if nothing was removed.
        var through: Int64?
        /// Whether the oldest message that is left stays.
        var isDone = true
    }

    /// Removes the oldest messages of a group for as long as a condition holds and the budget lasts.
    static func removeOldest(
        of row: Int64,
        _ now: Timestamp,
        _ budget: inout StepBudget,
        _ db: Database,
        while isRemoved: (Candidate) -> Bool
    ) throws -> RemovedOldest {
        var removed = RemovedOldest()
        // Expired messages are no gap for clients that resume.
        var gapEnd: Int64 = 0
        let oldest = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT id, length(data), created_at, expires_at FROM messages WHERE group_id = ? ORDER BY id LIMIT ?
                    """
            ),
            arguments: [row, budget.messages + 1]
        )
        while let message = try oldest.next() {
            let candidate = Candidate(
                sequence: try message.value(0),
                bytes: try message.value(1),
                createdAt: Timestamp(milliseconds: try message.value(2))
            )
            guard isRemoved(candidate) else { break }
            guard !budget.isSpent else {
                removed.isDone = false
                break
            }
            budget.spend(candidate.bytes)
            removed.messages += 1
            removed.bytes += candidate.bytes
            removed.through = candidate.sequence
            let expiresAt = try message.optional(3, as: Int64.self)
            if expiresAt.map({ $0 > now.milliseconds }) ?? true { gapEnd = candidate.sequence }
        }
        guard let through = removed.through else { return removed }
        try db.cachedStatement(sql: "DELETE FROM messages WHERE group_id = ? AND id <= ?")
            .execute(arguments: [row, through])
        try count(removed: removed.messages, bytes: removed.bytes, gapThrough: gapEnd, row, db)
        return removed
    }

    static func delete(_ sequence: Int64, _ db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM messages WHERE id = ?").execute(arguments: [sequence])
    }

    /// Keeps a group's counts after messages of it were removed.
    ///
    /// - Parameter gapThrough: The last of those that whoever resumes has missed.
    static func count(removed: Int, bytes: Int, gapThrough: Int64 = 0, _ row: Int64, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE groups SET messages = messages - :removed, bytes = bytes - :bytes,
                    first_id = (SELECT id FROM messages WHERE group_id = :row ORDER BY id LIMIT 1),
                    last_id = (SELECT id FROM messages WHERE group_id = :row ORDER BY id DESC LIMIT 1),
                    removed_through = max(removed_through, :gap)
                WHERE id = :row
                """
        ).execute(arguments: ["removed": removed, "bytes": bytes, "gap": gapThrough, "row": row])
    }

    /// One transaction between two batches of publishes. It comes to its end also where the task is cancelled: it is
    /// short, and whoever asked for it must learn what became of it.
    ///
    /// - Parameter removals: What the feed tells of it, once it is committed.
    func write<Value: Sendable>(
        telling removals: @escaping @Sendable (Value) -> [Removal] = { _ in [] },
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        guard beginUse() else { throw Self.closedError }
        defer { endUse() }
        do {
            return try await withCheckedThrowingContinuation { done in
                database.asyncWriteWithoutTransaction { db in
                    let result = Result { try self.transaction(body, db) }
                    if case .success(let value) = result {
                        let removals = removals(value)
                        if !removals.isEmpty { self.hand(over: .removals(removals)) }
                    }
                    done.resume(with: result)
                }
            }
        } catch {
            throw SQLiteFailure.changing(error)
        }
    }

    private func transaction<Value>(_ body: (Database) throws -> Value, _ db: Database) throws -> Value {
        var value: Value?
        try db.inTransaction(.immediate) {
            value = try body(db)
            return .commit
        }
        recordCommit()
        checkpointIfNeeded(db)
        guard let value else { throw DatabaseError(resultCode: .SQLITE_ABORT) }
        return value
    }

    /// - Returns: False where the store is being closed. Otherwise ``endUse()`` has to follow.
    func beginUse() -> Bool {
        use.withLock { $0.begin() }
    }

    func endUse() {
        for close in use.withLock({ $0.end() }) { close.resume() }
    }

    static var closedError: BrokerError {
        BrokerError(.closed, "The database is being closed, for the server is stopping: send it again in a moment.")
    }
}
