import Dispatch
import GRDB
import Logging
import Synchronization

extension SQLiteMessageStore {
    public func append(
        next: @escaping @Sendable () -> AppendBatch?,
        committed: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void
    ) {
        guard beginUse() else { return refuse(next, committed) }
        appendNext(next, committed)
    }

    private func appendNext(
        _ next: @escaping @Sendable () -> AppendBatch?,
        _ committed: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void
    ) {
        database.asyncWriteWithoutTransaction { db in
            guard let batch = next() else { return self.endUse() }
            let results = self.commit(batch, db)
            self.handOver(results)
            committed(results)
            self.checkpointIfNeeded(db)
            // Another turn, not a loop: deletions, and with ":memory:" also reads, come between two batches.
            self.appendNext(next, committed)
        }
    }

    private func handOver(_ results: [Result<Published, BrokerError>]) {
        var messages: [Message] = []
        messages.reserveCapacity(results.count)
        for case .success(let published) in results where !published.isReplay { messages.append(published.message) }
        if let last = messages.last?.id { hand(over: .messages(messages, through: last.sequence)) }
    }

    /// For those who did not close their log before the store.
    private func refuse(
        _ next: @escaping @Sendable () -> AppendBatch?,
        _ committed: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void
    ) {
        DispatchQueue.global().async {
            while let batch = next() { committed(batch.drafts.map { _ in .failure(Self.closedError) }) }
        }
    }

    /// One transaction. A statement that fails undoes itself alone (SQLite's ABORT resolution), so a draft that the
    /// database refuses needs no savepoint of its own; what ends the transaction fails them all.
    private func commit(_ batch: AppendBatch, _ db: Database) -> [Result<Published, BrokerError>] {
        var results: [Result<Published, BrokerError>] = []
        results.reserveCapacity(batch.drafts.count)
        var transaction = AppendTransaction(
            newest: writer.withLock { $0.newest },
            epoch: epoch,
            createdAt: configuration.clock()
        )
        do {
            try db.inTransaction(.immediate) {
                let insert = try InsertMessage(db)
                var index = 0
                for unit in batch.units {
                    for draft in batch.drafts[index..<unit.lowerBound] {
                        results.append(try self.insert(draft, insert, &transaction, db))
                    }
                    results += try self.insert(together: batch.drafts[unit], insert, &transaction, db)
                    index = unit.upperBound
                }
                for draft in batch.drafts[index...] {
                    results.append(try self.insert(draft, insert, &transaction, db))
                }
                try transaction.updateCounts(db)
                return .commit
            }
        } catch {
            let failure = SQLiteFailure.writing(error)
            noteFailure(failure)
            return batch.drafts.map { _ in .failure(failure) }
        }
        noteCommit(transaction)
        return results
    }

    /// A savepoint for what is stored together or not at all.
    private func insert(
        together drafts: ArraySlice<MessageDraft>,
        _ insert: InsertMessage,
        _ transaction: inout AppendTransaction,
        _ db: Database
    ) throws -> [Result<Published, BrokerError>] {
        var results: [Result<Published, BrokerError>] = []
        let before = transaction
        try db.execute(sql: "SAVEPOINT unit")
        for (index, draft) in drafts.enumerated() {
            let result = try self.insert(draft, insert, &transaction, db)
            if case .failure(let error) = result {
                transaction = before
                try db.execute(sql: "ROLLBACK TO unit")
                results = drafts.map { _ in .failure(error.at(index)) }
                break
            }
            results.append(result)
        }
        try db.execute(sql: "RELEASE unit")
        return results
    }

    private func insert(
        _ draft: MessageDraft,
        _ insert: InsertMessage,
        _ transaction: inout AppendTransaction,
        _ db: Database
    ) throws -> Result<Published, BrokerError> {
        let group = try row(of: draft.group, &transaction, db)
        if let key = draft.idempotencyKey,
            let answer = try firstAnswer(to: draft, key: key, group: group, transaction, db)
        {
            return answer
        }
        var message = transaction.message(of: draft)
        let sequence = transaction.newest + 1
        do {
            if let attachment = try Self.attachment(of: draft) {
                // Takes all of it back where a part fails.
                try db.inSavepoint {
                    message = transaction.message(of: draft, data: try attachment.data(db))
                    try insert.execute(message, sequence: sequence, group: group)
                    try attachment.stored(db, sequence)
                    return .commit
                }
            } else {
                try insert.execute(message, sequence: sequence, group: group)
            }
        } catch  where db.isInsideTransaction && (draft.attachment != nil || error.isTooBig) {
            return .failure(error as? BrokerError ?? SQLiteFailure.writing(error))
        }
        transaction.count(message, in: group)
        if let key = draft.idempotencyKey { try remember(key, of: draft, message, group: group, db) }
        return .success(Published(message))
    }

    private static func attachment(of draft: MessageDraft) throws(BrokerError) -> SQLiteAttachment? {
        guard let attachment = draft.attachment else { return nil }
        if let attachment = attachment as? SQLiteAttachment { return attachment }
        throw BrokerError(
            .storeUnusable,
            "What is to be stored with the message is made for another store than SQLite: give it an SQLiteAttachment."
        )
    }

    private func row(of group: GroupName, _ transaction: inout AppendTransaction, _ db: Database) throws -> Int64 {
        if let row = writer.withLock({ $0.knownGroups[group] }) ?? transaction.newGroups[group] { return row }
        let name = group.description
        let row: Int64
        if let found = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM groups WHERE name = ?"),
            arguments: [name]
        ) {
            row = found
        } else {
            row = try Self.insertGroup(name, db)
        }
        transaction.newGroups[group] = row
        return row
    }

    /// How many groups' row ids are remembered, some 100 bytes each.
    private static var knownGroupsLimit: Int { 200_000 }

    private func noteCommit(_ transaction: AppendTransaction) {
        let wasFailing = writer.withLock { writer in
            writer.newest = transaction.newest
            if writer.knownGroups.count > Self.knownGroupsLimit { writer.knownGroups.removeAll() }
            writer.knownGroups.merge(transaction.newGroups) { $1 }
            writer.sweeps.note(transaction.groups)
            defer { writer.isFailing = false }
            return writer.isFailing
        }
        recordCommit()
        if wasFailing { configuration.logger.notice("The database takes messages again") }
    }

    /// Once for each time that it begins: a full disk under load would fill the log as well.
    private func noteFailure(_ error: BrokerError) {
        let wasFailing = writer.withLock { writer in
            defer { writer.isFailing = true }
            return writer.isFailing
        }
        guard !wasFailing else { return }
        configuration.logger.error(
            "The database does not take messages: publishers are refused until it does",
            metadata: ["error": "\(error)", "database": "\(path)"]
        )
    }
}

extension Error {
    fileprivate var isTooBig: Bool { (self as? DatabaseError)?.resultCode == .SQLITE_TOOBIG }
}
