import GRDB
import Synchronization

extension SQLiteMessageStore {
    public func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        try await write { [configuration] db in
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
            rest = try await write { [rest] db in try Self.deleteStep(rest, in: group, db) }
        }
    }

    /// As many as one transaction takes.
    ///
    /// - Returns: Those that are left.
    private static func deleteStep(
        _ sequences: ArraySlice<Int64>,
        in group: GroupName,
        _ db: Database
    ) throws -> ArraySlice<Int64> {
        guard let row = try GroupRows([group], db).ids.first else { return [] }
        let size = try db.cachedStatement(sql: "SELECT length(data) FROM messages WHERE id = ? AND group_id = ?")
        var rest = sequences
        var (messages, bytes, looked) = (0, 0, 0)
        while looked < stepMessages, bytes < stepBytes, let sequence = rest.popFirst() {
            looked += 1
            guard let found = try Int.fetchOne(size, arguments: [sequence, row]) else { continue }
            try delete(sequence, db)
            messages += 1
            bytes += found
        }
        if messages > 0 { try count(removed: messages, bytes: bytes, row, db) }
        return rest
    }

    public func remove(_ group: GroupName, through sequence: Int64) async throws(BrokerError) {
        var isDone = false
        while !isDone {
            isDone = try await write { [configuration] db in
                guard let row = try GroupRows([group], db).ids.first else { return true }
                let now = configuration.clock()
                return try Self.removeOldest(of: row, now, db) { $0.sequence <= sequence }.isDone
            }
        }
    }

    /// One transaction of removals takes at most so many messages and about so many bytes, so that publishes wait for it
    /// a few milliseconds at most.
    static let stepMessages = 1000
    static let stepBytes = 4 << 20

    /// What a removal looks at.
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

    /// Removes the oldest messages of a group for as long as a condition holds, or the step is full.
    static func removeOldest(
        of row: Int64,
        _ now: Timestamp,
        _ db: Database,
        while isRemoved: (Candidate) -> Bool
    ) throws -> RemovedOldest {
        var removed = RemovedOldest()
        // What has expired is no gap for those who resume.
        var gapEnd: Int64 = 0
        let oldest = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT id, length(data), created_at, expires_at FROM messages WHERE group_id = ? ORDER BY id LIMIT ?
                    """
            ),
            arguments: [row, stepMessages + 1]
        )
        while let message = try oldest.next() {
            let candidate = Candidate(
                sequence: try message.value(0),
                bytes: try message.value(1),
                createdAt: Timestamp(milliseconds: try message.value(2))
            )
            guard isRemoved(candidate) else { break }
            guard removed.messages < stepMessages, removed.bytes < stepBytes else {
                removed.isDone = false
                break
            }
            removed.messages += 1
            removed.bytes += candidate.bytes
            removed.through = candidate.sequence
            let expiresAt = try message.optional(3, as: Int64.self)
            if expiresAt.map({ $0 > now.milliseconds }) ?? true { gapEnd = candidate.sequence }
        }
        guard let through = removed.through else { return removed }
        try db.cachedStatement(sql: "DELETE FROM messages WHERE group_id = ? AND id <= ?")
            .execute(arguments: [row, through])
        try count(removed: removed.messages, bytes: removed.bytes, row, db)
        try db.cachedStatement(sql: "UPDATE groups SET removed_through = max(removed_through, ?) WHERE id = ?")
            .execute(arguments: [gapEnd, row])
        return removed
    }

    static func delete(_ sequence: Int64, _ db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM messages WHERE id = ?").execute(arguments: [sequence])
    }

    /// Keeps a group's counts after messages of it were removed.
    static func count(removed: Int, bytes: Int, _ row: Int64, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE groups SET messages = messages - :removed, bytes = bytes - :bytes,
                    first_id = (SELECT id FROM messages WHERE group_id = :row ORDER BY id LIMIT 1),
                    last_id = (SELECT id FROM messages WHERE group_id = :row ORDER BY id DESC LIMIT 1)
                WHERE id = :row
                """
        ).execute(arguments: ["removed": removed, "bytes": bytes, "row": row])
    }

    /// One transaction between two batches of publishes. It comes to its end also where the task is cancelled: it is
    /// short, and whoever asked for it must learn what became of it.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        guard beginUse() else { throw Self.closedError }
        defer { endUse() }
        do {
            return try await withCheckedThrowingContinuation { done in
                database.asyncWriteWithoutTransaction { db in
                    done.resume(with: Result { try self.transaction(body, db) })
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
