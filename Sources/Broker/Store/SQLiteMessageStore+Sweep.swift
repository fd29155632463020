import GRDB

extension SQLiteMessageStore {
    /// What a pass goes through, in this order. Each step looks with a reader first: where nothing is to be done, which is
    /// nearly always, no transaction is begun.
    private enum Phase: Int {
        case expired, groups, keys, freePages
    }

    public func sweep(_ policy: RetentionPolicy, from cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let now = configuration.clock()
        switch Phase(rawValue: cursor.phase) {
        case .expired: return try await sweepExpired(now, cursor)
        case .groups where policy.removesNothing: return SweepStep(next: Self.beginning(of: .keys))
        case .groups: return try await sweepGroups(policy, now, cursor)
        case .keys: return try await sweepKeys(now, cursor)
        case .freePages: return try await sweepFreePages(cursor)
        case nil: return SweepStep(next: nil)
        }
    }

    private static func beginning(of phase: Phase) -> SweepCursor {
        SweepCursor(phase: phase.rawValue, position: 0)
    }

    // MARK: Messages whose ttl has ended

    static func hasExpired(by now: Timestamp, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM messages WHERE expires_at <= ?)"),
            arguments: [now.milliseconds]
        ) ?? false
    }

    private func sweepExpired(_ now: Timestamp, _ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        guard try await read({ try Self.hasExpired(by: now, $0) }) else {
            return SweepStep(next: Self.beginning(of: .groups))
        }
        let removed = try await write { try Self.removeExpired(now, $0) }
        return SweepStep(removed: removed, next: cursor)
    }

    private static func removeExpired(_ now: Timestamp, _ db: Database) throws -> Int {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, group_id, length(data) FROM messages WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
                    """
            ),
            arguments: [now.milliseconds, stepMessages]
        )
        var groups: [Int64: (messages: Int, bytes: Int)] = [:]
        var (messages, bytes) = (0, 0)
        for row in rows where bytes < stepBytes {
            try delete(row.value(0), db)
            let size = try row.value(2, as: Int.self)
            groups[try row.value(1), default: (0, 0)].messages += 1
            groups[try row.value(1), default: (0, 0)].bytes += size
            messages += 1
            bytes += size
        }
        for (row, sum) in groups { try count(removed: sum.messages, bytes: sum.bytes, row, db) }
        return messages
    }

    // MARK: What the policy does not keep

    /// A group as retention sees it.
    private struct GroupState {
        let row: Int64
        let name: GroupName
        var messages: Int
        var bytes: Int
        let oldest: Timestamp?

        init(_ row: Row) throws {
            self.row = try row.value(0)
            name = try GroupName(stored: row.value(1, as: String.self))
            messages = try row.value(2)
            bytes = try row.value(3)
            oldest = try row.optional(4, as: Int64.self).map { Timestamp(milliseconds: $0) }
        }

        static let select = """
            SELECT groups.id, groups.name, groups.messages, groups.bytes, messages.created_at
            FROM groups LEFT JOIN messages ON messages.id = groups.first_id
            """

        func exceeds(_ limits: RetentionPolicy.Limits, _ now: Timestamp, oldest: Timestamp?) -> Bool {
            guard messages > 0 else { return false }
            let isTooOld = limits.age.flatMap { age in oldest.map { $0 < now - age } } ?? false
            return isTooOld || limits.messages.map { messages > $0 } ?? false
                || limits.bytes.map { bytes > $0 } ?? false
        }
    }

    /// Groups that one step looks at.
    private static let stepGroups = 500

    private func sweepGroups(
        _ policy: RetentionPolicy,
        _ now: Timestamp,
        _ cursor: SweepCursor
    ) async throws(BrokerError) -> SweepStep {
        let found = try await read { db -> (group: GroupState?, next: Int64?) in
            let rows = try Row.fetchAll(
                db.cachedStatement(sql: "\(GroupState.select) WHERE groups.id > ? ORDER BY groups.id LIMIT ?"),
                arguments: [cursor.position, Self.stepGroups]
            )
            let groups = try rows.map { try GroupState($0) }
            let group = groups.first { group in
                policy.limits(for: group.name).map { group.exceeds($0, now, oldest: group.oldest) } ?? false
            }
            return (group, groups.last?.row)
        }
        guard let next = found.next else { return SweepStep(next: Self.beginning(of: .keys)) }
        guard let group = found.group, let limits = policy.limits(for: group.name) else {
            return SweepStep(next: SweepCursor(phase: cursor.phase, position: next))
        }
        let removed = try await write { try Self.removeOldest(of: group.row, beyond: limits, now, $0) }
        return SweepStep(
            removed: removed.messages,
            removals: removed.through.map { [.messages(through: $0, in: group.name)] } ?? [],
            next: SweepCursor(phase: cursor.phase, position: removed.isDone ? group.row : group.row - 1)
        )
    }

    private static func removeOldest(
        of row: Int64,
        beyond limits: RetentionPolicy.Limits,
        _ now: Timestamp,
        _ db: Database
    ) throws -> RemovedOldest {
        // Again: publishes and deletions have come between.
        let found = try Row.fetchOne(
            db.cachedStatement(sql: "\(GroupState.select) WHERE groups.id = ?"),
            arguments: [row]
        )
        guard var group = try found.map({ try GroupState($0) }) else { return RemovedOldest() }
        return try removeOldest(of: row, now, db) { candidate in
            guard group.exceeds(limits, now, oldest: candidate.createdAt) else { return false }
            group.messages -= 1
            group.bytes -= candidate.bytes
            return true
        }
    }

    // MARK: Idempotency keys

    private func sweepKeys(_ now: Timestamp, _ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let limit = (now - AppendBatch.idempotencyPeriod).milliseconds
        let isAnyOld = try await read { db in
            try Bool.fetchOne(
                db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM idempotency WHERE created_at <= ?)"),
                arguments: [limit]
            ) ?? false
        }
        guard isAnyOld else { return SweepStep(next: Self.beginning(of: .freePages)) }
        try await write { db in
            try db.cachedStatement(
                sql: """
                    DELETE FROM idempotency WHERE (group_id, key) IN
                        (SELECT group_id, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)
                    """
            ).execute(arguments: [limit, Self.stepMessages])
        }
        return SweepStep(next: cursor)
    }

    // MARK: Free pages

    /// Pages that one step gives back to the file system.
    private static let stepPages = 256

    /// Some are kept for the messages to come: giving them back only to ask for them again would cost twice.
    private static func excessPages(_ db: Database) throws -> Int {
        let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        let all = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        return free - max(stepPages, all / 10)
    }

    private func sweepFreePages(_ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        guard try await read({ try Self.excessPages($0) }) > 0 else { return SweepStep(next: nil) }
        try await write { db in
            let pages = min(try Self.excessPages(db), Self.stepPages)
            if pages > 0 { try db.execute(sql: "PRAGMA incremental_vacuum(\(pages))") }
        }
        return SweepStep(next: cursor)
    }
}
