import GRDB
import Synchronization

/// What the policy does not keep. ``SweepSchedule`` knows which groups can have something to remove.
extension SQLiteMessageStore {
    /// Groups that one step looks at.
    private static let lookedAtOnce = 500
    /// Groups from which one step removes: some 30 microseconds each, during which publishes wait.
    private static let changedAtOnce = 100

    /// The position of a pass over all groups is the last row that was looked at.
    private static let noMoreRows = Int64.max

    func chooseGroups(_ policy: RetentionPolicy, _ now: Timestamp) -> SweepStep {
        let isWhole = writer.withLock { writer -> Bool? in
            if policy.removesNothing {
                writer.sweeps.stop()
                return nil
            }
            return writer.sweeps.begin(policy, now)
        }
        guard let isWhole else { return SweepStep(next: Self.beginning(of: .keys)) }
        let position = isWhole ? 0 : Self.noMoreRows
        return SweepStep(next: SweepCursor(phase: Phase.chosenGroups.rawValue, position: position))
    }

    /// First what was chosen, or put back by the last step; then the next of all groups.
    func sweepGroups(
        _ policy: RetentionPolicy,
        _ now: Timestamp,
        _ cursor: SweepCursor
    ) async throws(BrokerError) -> SweepStep {
        let chosen = writer.withLock { $0.sweeps.take(Self.lookedAtOnce) }
        if chosen.isEmpty, cursor.position == Self.noMoreRows { return SweepStep(next: Self.beginning(of: .keys)) }
        let step: (removed: Int, last: Int64?)
        do throws(BrokerError) {
            step = try await sweep(chosen, orAllAfter: cursor.position, policy, now)
        } catch {
            writer.withLock { $0.sweeps.putBack(chosen) }
            throw error
        }
        var position = cursor.position
        if chosen.isEmpty { position = step.last ?? Self.noMoreRows }
        if chosen.isEmpty, step.last == nil { writer.withLock { $0.sweeps.endWholePass() } }
        return SweepStep(
            removed: step.removed,
            next: SweepCursor(phase: cursor.phase, position: position)
        )
    }

    private func sweep(
        _ chosen: [Int64],
        orAllAfter position: Int64,
        _ policy: RetentionPolicy,
        _ now: Timestamp
    ) async throws(BrokerError) -> (removed: Int, last: Int64?) {
        let look = try await read(.short) { db in
            chosen.isEmpty
                ? try GroupLook(allAfter: position, policy, now, db)
                : try GroupLook(chosen, policy, now, db)
        }
        // A pass does not end while publishes outrun it.
        let expired = look.hasExpired ? try await write { try Self.removeExpired(now, $0) } : 0
        var removed = RemovedFromGroups()
        if !look.exceeding.isEmpty {
            removed = try await write(telling: \.removals) { try Self.remove(from: look.exceeding, now, $0) }
        }
        removed.messages += expired
        writer.withLock { writer in
            // In this order: a group that never ends lets the others go first.
            writer.sweeps.putBack(look.unseen)
            writer.sweeps.putBack(removed.waiting)
            writer.sweeps.putBack(removed.unfinished)
            // Their oldest messages are others now.
            writer.sweeps.note(removed.finished)
            for (row, time) in look.due { writer.sweeps.schedule(row, after: time) }
        }
        return (removed.messages, look.last)
    }

    private struct RemovedFromGroups {
        var messages = 0
        var removals: [Removal] = []
        var finished: [Int64] = []
        /// Something is left to be removed.
        var unfinished: [Int64] = []
        /// Their turn did not come.
        var waiting: [Int64] = []
    }

    private static func remove(
        from groups: [GroupLook.Group],
        _ now: Timestamp,
        _ db: Database
    ) throws -> RemovedFromGroups {
        var all = RemovedFromGroups()
        var budget = StepBudget()
        for group in groups {
            guard !budget.isSpent else {
                all.waiting.append(group.row)
                continue
            }
            let removed = try removeOldest(of: group.row, beyond: group.limits, now, &budget, db)
            all.messages += removed.messages
            guard let through = removed.through else { continue }
            all.removals.append(.messages(through: through, in: group.name))
            if removed.isDone { all.finished.append(group.row) } else { all.unfinished.append(group.row) }
        }
        return all
    }

    private static func removeOldest(
        of row: Int64,
        beyond limits: RetentionPolicy.Limits,
        _ now: Timestamp,
        _ budget: inout StepBudget,
        _ db: Database
    ) throws -> RemovedOldest {
        // Again: publishes and deletions have come between.
        let found = try Row.fetchOne(
            db.cachedStatement(sql: "\(GroupLook.select) WHERE groups.id = ?"),
            arguments: [row]
        )
        guard let found else { return RemovedOldest() }
        var kept = try GroupLook.Kept(found)
        return try removeOldest(of: row, now, &budget, db) { candidate in
            guard kept.exceeds(limits, now, oldest: candidate.createdAt) else { return false }
            kept.messages -= 1
            kept.bytes -= candidate.bytes
            return true
        }
    }

    /// A look at some groups.
    private struct GroupLook {
        /// A group that holds more than its limits allow.
        struct Group {
            let row: Int64
            let name: GroupName
            let limits: RetentionPolicy.Limits
        }

        /// What a group holds.
        struct Kept {
            var messages: Int
            var bytes: Int
            let oldest: Timestamp?

            init(_ row: Row) throws {
                messages = try row.value(2)
                bytes = try row.value(3)
                oldest = try row.optional(4, as: Int64.self).map { Timestamp(milliseconds: $0) }
            }

            func exceeds(_ limits: RetentionPolicy.Limits, _ now: Timestamp, oldest: Timestamp?) -> Bool {
                guard messages > 0 else { return false }
                let isTooOld = limits.age.flatMap { age in oldest.map { $0 < now - age } } ?? false
                return isTooOld || limits.messages.map { messages > $0 } ?? false
                    || limits.bytes.map { bytes > $0 } ?? false
            }
        }

        static let select = """
            SELECT groups.id, groups.name, groups.messages, groups.bytes, messages.created_at
            FROM groups LEFT JOIN messages ON messages.id = groups.first_id
            """

        private(set) var exceeding: [Group] = []
        /// When the oldest messages of groups grow too old.
        private(set) var due: [(row: Int64, time: Timestamp)] = []
        /// The last row of those that were looked at.
        private(set) var last: Int64?
        /// Rows that were not looked at, since the step is full.
        private(set) var unseen: ArraySlice<Int64> = []
        let hasExpired: Bool

        private var isFull: Bool { exceeding.count >= changedAtOnce }

        init(_ rows: [Int64], _ policy: RetentionPolicy, _ now: Timestamp, _ db: Database) throws {
            let statement = try db.cachedStatement(sql: "\(Self.select) WHERE groups.id = ?")
            unseen = rows[...]
            hasExpired = try SQLiteMessageStore.hasExpired(by: now, db)
            while !isFull, let row = unseen.popFirst() {
                guard let found = try Row.fetchOne(statement, arguments: [row]) else { continue }
                try take(found, policy, now)
            }
        }

        init(allAfter position: Int64, _ policy: RetentionPolicy, _ now: Timestamp, _ db: Database) throws {
            let rows = try Row.fetchCursor(
                db.cachedStatement(sql: "\(Self.select) WHERE groups.id > ? ORDER BY groups.id LIMIT ?"),
                arguments: [position, lookedAtOnce]
            )
            hasExpired = false
            while !isFull, let row = try rows.next() { try take(row, policy, now) }
        }

        private mutating func take(_ found: Row, _ policy: RetentionPolicy, _ now: Timestamp) throws {
            let row = try found.value(0, as: Int64.self)
            last = row
            let name = try GroupName(stored: found.value(1, as: String.self))
            guard let limits = policy.limits(for: name) else { return }
            let kept = try Kept(found)
            if kept.exceeds(limits, now, oldest: kept.oldest) {
                exceeding.append(Group(row: row, name: name, limits: limits))
            } else if let age = limits.age, let oldest = kept.oldest {
                due.append((row, oldest + age))
            }
        }
    }
}
