import Foundation
import GRDB
import NIOCore
import NIOFoundationCompat
import Synchronization

extension SQLiteMessageStore {
    public func append(
        next: @escaping @Sendable () -> [MessageDraft]?,
        committed: @escaping @Sendable ([Result<Message, BrokerError>]) -> Void
    ) {
        database.asyncWriteWithoutTransaction { db in
            guard let drafts = next() else { return }
            committed(self.commit(drafts, db))
            // Another turn, not a loop: deletions, and with ":memory:" also reads, come between two batches.
            self.append(next: next, committed: committed)
        }
    }

    /// One transaction. A statement that fails undoes itself alone (SQLite's ABORT resolution), so a draft that the
    /// database refuses needs no savepoint of its own; what ends the transaction fails them all.
    private func commit(_ drafts: [MessageDraft], _ db: Database) -> [Result<Message, BrokerError>] {
        let createdAt = Timestamp.now()
        var results: [Result<Message, BrokerError>] = []
        results.reserveCapacity(drafts.count)
        var batch = Batch()
        do {
            try db.inTransaction(.immediate) {
                let insert = try db.cachedStatement(
                    sql: "INSERT INTO messages (group_id, event, data, created_at) VALUES (?, ?, ?, ?)"
                )
                for draft in drafts {
                    results.append(try self.insert(draft, createdAt, insert, &batch, db))
                }
                try batch.updateCounts(db)
                return .commit
            }
        } catch {
            let failure = SQLiteFailure.writing(error)
            return drafts.map { _ in .failure(failure) }
        }
        knownGroups.withLock { known in
            if known.count > Self.knownGroupsLimit { known.removeAll() }
            known.merge(batch.newGroups) { $1 }
        }
        return results
    }

    /// How many groups' row ids are remembered, some 100 bytes each.
    private static var knownGroupsLimit: Int { 200_000 }

    private func insert(
        _ draft: MessageDraft,
        _ createdAt: Timestamp,
        _ insert: Statement,
        _ batch: inout Batch,
        _ db: Database
    ) throws -> Result<Message, BrokerError> {
        let group = try row(of: draft.group, &batch, db)
        func insertRow(_ data: ByteBuffer) throws -> Int64 {
            try insert.execute(arguments: [group, draft.event, Data(buffer: data), createdAt.milliseconds])
            return db.lastInsertedRowID
        }
        var data = draft.data
        let sequence: Int64
        do {
            if let attachment = draft.attachment {
                (sequence, data) = try attachment.write(db, insertRow)
            } else {
                sequence = try insertRow(data)
            }
        } catch  where db.isInsideTransaction && (draft.attachment != nil || error.isTooBig) {
            return .failure(error as? BrokerError ?? SQLiteFailure.writing(error))
        }
        batch.count(data, sequence, in: group)
        return .success(
            Message(
                id: MessageID(epoch: epoch, sequence: sequence),
                group: draft.group,
                event: draft.event,
                data: data,
                createdAt: createdAt
            )
        )
    }

    private func row(of group: GroupName, _ batch: inout Batch, _ db: Database) throws -> Int64 {
        if let row = knownGroups.withLock({ $0[group] }) ?? batch.newGroups[group] { return row }
        let name = group.description
        let row: Int64
        if let found = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM groups WHERE name = ?"),
            arguments: [name]
        ) {
            row = found
        } else {
            try db.cachedStatement(sql: "INSERT INTO groups (name) VALUES (?)").execute(arguments: [name])
            row = db.lastInsertedRowID
        }
        batch.newGroups[group] = row
        return row
    }

    /// What a batch adds to its groups: written once for each group, not once for each message.
    private struct Batch {
        var newGroups: [GroupName: Int64] = [:]
        private var additions: [Int64: Addition] = [:]

        private struct Addition {
            var messages = 0
            var bytes = 0
            var first: Int64
            var last: Int64
        }

        mutating func count(_ data: ByteBuffer, _ sequence: Int64, in group: Int64) {
            var addition = additions[group] ?? Addition(first: sequence, last: sequence)
            addition.messages += 1
            addition.bytes += data.readableBytes
            addition.last = sequence
            additions[group] = addition
        }

        func updateCounts(_ db: Database) throws {
            let update = try db.cachedStatement(
                sql: """
                    UPDATE groups SET messages = messages + ?, bytes = bytes + ?, first_id = coalesce(first_id, ?),
                        last_id = ? WHERE id = ?
                    """
            )
            for (group, addition) in additions {
                try update.execute(
                    arguments: [addition.messages, addition.bytes, addition.first, addition.last, group])
            }
        }
    }
}

extension DraftAttachment {
    /// Writes the application's part around the message's row. A savepoint takes all of it back where a part fails.
    fileprivate func write(_ db: Database, _ insertRow: (ByteBuffer) throws -> Int64) throws -> (Int64, ByteBuffer) {
        var written: (Int64, ByteBuffer) = (0, ByteBuffer())
        try db.inSavepoint {
            let data = try self.data(db)
            let sequence = try insertRow(data)
            try stored(db, sequence)
            written = (sequence, data)
            return .commit
        }
        return written
    }
}

extension Error {
    fileprivate var isTooBig: Bool { (self as? DatabaseError)?.resultCode == .SQLITE_TOOBIG }
}
