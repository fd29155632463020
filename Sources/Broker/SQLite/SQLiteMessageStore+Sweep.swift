import GRDB

extension SQLiteMessageStore {
    /// The phases of a pass, in their order. Its looks are short reads: a crowd that reads history must not keep it off. Each
    /// step looks with a reader first: where nothing is to be done, which is nearly always, no transaction begins.
    enum Phase: Int {
        case expired, groups, chosenGroups, keys, forgetting, emptyGroups, freePages
    }

    public func sweep(_ policy: RetentionPolicy, from cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let now = configuration.clock()
        switch Phase(rawValue: cursor.phase) {
        case .expired: return try await sweepExpired(now, cursor)
        case .groups: return chooseGroups(policy, now)
        case .chosenGroups: return try await sweepGroups(policy, now, cursor)
        case .keys: return try await sweepKeys(now, cursor)
        case .forgetting: return try await forgetEmptiedGroups(cursor)
        case .emptyGroups: return try await sweepEmptyGroups(cursor)
        case .freePages: return try await sweepFreePages(cursor)
        case nil: return SweepStep(next: nil)
        }
    }

    static func beginning(of phase: Phase) -> SweepCursor {
        SweepCursor(phase: phase.rawValue, position: 0)
    }

    /// A phase that goes by the clock takes what was due when it began: what becomes due meanwhile waits for the next pass,
    /// or the phase would not end as long as something does.
    private static func cursor(_ phase: Phase, since began: Timestamp) -> SweepCursor {
        SweepCursor(phase: phase.rawValue, position: began.milliseconds)
    }

    // MARK: Messages whose ttl has ended

    static func hasExpired(by now: Timestamp, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM messages WHERE expires_at <= ?)"),
            arguments: [now.milliseconds]
        ) ?? false
    }

    private func sweepExpired(_ now: Timestamp, _ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let began = cursor.position > 0 ? Timestamp(milliseconds: cursor.position) : now
        guard try await read(.short, { try Self.hasExpired(by: began, $0) }) else {
            return SweepStep(next: Self.beginning(of: .groups))
        }
        let removed = try await write { try Self.removeExpired(began, $0) }
        return SweepStep(removed: removed, next: Self.cursor(.expired, since: began))
    }

    static func removeExpired(_ now: Timestamp, _ db: Database) throws -> Int {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, group_id, length(data) FROM messages WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
                    """
            ),
            arguments: [now.milliseconds, stepMessages]
        )
        var groups: [Int64: (messages: Int, bytes: Int)] = [:]
        var budget = StepBudget()
        for row in rows where !budget.isSpent {
            try delete(row.value(0), db)
            let size = try row.value(2, as: Int.self)
            groups[try row.value(1), default: (0, 0)].messages += 1
            groups[try row.value(1), default: (0, 0)].bytes += size
            budget.spend(size)
        }
        for (row, sum) in groups { try count(removed: sum.messages, bytes: sum.bytes, row, db) }
        return groups.values.reduce(0) { $0 + $1.messages }
    }

    // MARK: Idempotency keys

    private func sweepKeys(_ now: Timestamp, _ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let began = cursor.position > 0 ? Timestamp(milliseconds: cursor.position) : now
        let limit = (began - AppendBatch.idempotencyPeriod).milliseconds
        let isAnyOld = try await read(.short) { db in
            try Bool.fetchOne(
                db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM idempotency WHERE created_at <= ?)"),
                arguments: [limit]
            ) ?? false
        }
        guard isAnyOld else { return SweepStep(next: Self.beginning(of: .forgetting)) }
        try await write { db in
            try db.cachedStatement(
                sql: """
                    DELETE FROM idempotency WHERE (group_id, key) IN
                        (SELECT group_id, key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?)
                    """
            ).execute(arguments: [limit, Self.stepMessages])
        }
        return SweepStep(next: Self.cursor(.keys, since: began))
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
        guard try await read(.short, { try Self.excessPages($0) }) > 0 else { return SweepStep(next: nil) }
        try await write { db in
            let pages = min(try Self.excessPages(db), Self.stepPages)
            if pages > 0 { try db.execute(sql: "PRAGMA incremental_vacuum(\(pages))") }
        }
        return SweepStep(next: cursor)
    }
}
