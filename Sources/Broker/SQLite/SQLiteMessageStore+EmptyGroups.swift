import GRDB
import Synchronization

/// Groups that have no messages. The row of such a group goes, unless somebody who resumes has to be told that something
/// is missing: `removed_through` tells it. So many of these rows are kept as the configuration says. Beyond, those that
/// were emptied first are forgotten, and `meta.removed_through` takes their place: it stands for all groups without a row,
/// and for those that begin anew.
extension SQLiteMessageStore {
    /// Rows that one step looks at, and those that it removes at most.
    private static let lookedAtOnce = 1000
    private static let deletedAtOnce = 250

    /// The highest `removed_through` of the groups that were forgotten.
    static func forgottenThrough(_ db: Database) throws -> Int64 {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'removed_through'")
        ) ?? 0
    }

    static func insertGroup(_ name: String, _ db: Database) throws -> Int64 {
        try db.cachedStatement(sql: "INSERT INTO groups (name, removed_through) VALUES (?, ?)")
            .execute(arguments: [name, forgottenThrough(db)])
        return db.lastInsertedRowID
    }

    /// Forgets what the oldest of too many rows tell.
    func forgetEmptiedGroups(_ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let limit = configuration.maximumEmptiedGroups
        let found = try await read(.short) { db -> (count: Int, boundary: Int64?) in
            let forgotten = try Self.forgottenThrough(db)
            let condition = "FROM groups WHERE first_id IS NULL AND removed_through > ?"
            let count = try Int.fetchOne(
                db.cachedStatement(sql: "SELECT count(*) \(condition)"),
                arguments: [forgotten]
            )
            guard let count, count > limit else { return (count ?? 0, nil) }
            let boundary = try Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT removed_through \(condition) ORDER BY removed_through DESC LIMIT 1 OFFSET ?"
                ),
                arguments: [forgotten, limit]
            )
            return (count, boundary)
        }
        emptiedGroupsCount.store(min(found.count, limit), ordering: .relaxed)
        if let boundary = found.boundary {
            try await write { db in
                try db.cachedStatement(
                    sql: """
                        INSERT INTO meta (key, value) VALUES ('removed_through', CAST(:through AS TEXT))
                        ON CONFLICT (key) DO UPDATE SET
                            value = CAST(max(CAST(value AS INTEGER), :through) AS TEXT)
                        """
                ).execute(arguments: ["through": boundary])
            }
        }
        return SweepStep(next: Self.beginning(of: .emptyGroups))
    }

    /// Removes rows that tell nothing. Those that have to wait for the end of an idempotency key are looked at in turn, a
    /// step of them in each pass.
    func sweepEmptyGroups(_ cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        let position = writer.withLock { $0.emptyGroups }
        let look = try await read(.short) { try Self.look(atEmptyGroupsAfter: position, $0) }
        if !look.removable.isEmpty { try await write { try self.removeEmptyGroups(look.removable, $0) } }
        writer.withLock { $0.emptyGroups = look.next ?? EmptyGroupPosition() }
        let isDone = look.removable.isEmpty || look.next == nil
        return SweepStep(next: isDone ? Self.beginning(of: .freePages) : cursor)
    }

    /// Where a look at empty groups goes on.
    struct EmptyGroupPosition {
        var removedThrough: Int64 = -1
        var row: Int64 = 0
    }

    private static func look(
        atEmptyGroupsAfter position: EmptyGroupPosition,
        _ db: Database
    ) throws -> (removable: [Int64], next: EmptyGroupPosition?) {
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT id, removed_through, \(isKeyless) FROM groups
                    WHERE first_id IS NULL AND removed_through <= ? AND (removed_through, id) > (?, ?)
                    ORDER BY removed_through, id LIMIT ?
                    """
            ),
            arguments: [try forgottenThrough(db), position.removedThrough, position.row, lookedAtOnce]
        )
        var removable: [Int64] = []
        var next = position
        var looked = 0
        while removable.count < deletedAtOnce, let row = try rows.next() {
            looked += 1
            next = EmptyGroupPosition(removedThrough: try row.value(1), row: try row.value(0))
            if try row.value(2, as: Bool.self) { removable.append(next.row) }
        }
        let isEnd = looked < lookedAtOnce && removable.count < deletedAtOnce
        return (removable, isEnd ? nil : next)
    }

    /// Keys belong to the rows of groups.
    private static let isKeyless = "NOT EXISTS (SELECT 1 FROM idempotency WHERE group_id = groups.id)"

    private func removeEmptyGroups(_ rows: [Int64], _ db: Database) throws {
        let forgotten = try Self.forgottenThrough(db)
        let delete = try db.cachedStatement(
            sql: """
                DELETE FROM groups
                WHERE id = ? AND first_id IS NULL AND removed_through <= ? AND \(Self.isKeyless) RETURNING name
                """
        )
        for row in rows {
            // Again: publishes have come between.
            guard let name = try String.fetchOne(delete, arguments: [row, forgotten]) else { continue }
            let group = try GroupName(stored: name)
            // The next publish looks for the row, and makes another.
            writer.withLock { writer in
                writer.knownGroups[group] = nil
                writer.sweeps.remove(row)
            }
        }
    }
}
