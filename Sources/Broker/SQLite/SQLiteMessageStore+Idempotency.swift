import GRDB

/// Idempotency keys. All inside the transaction that stores the message, so that key and message come and go together.
extension SQLiteMessageStore {
    /// The answer that an earlier publish with the key got; nil if there was none, and the draft is to be stored.
    ///
    /// Two that hold the same data need not be compared with the stored message: it may be deleted. The draft has what the
    /// first one had, or is refused.
    func firstAnswer(
        to draft: MessageDraft,
        key: String,
        group: Int64,
        _ transaction: AppendTransaction,
        _ db: Database
    ) throws -> Result<Published, BrokerError>? {
        let first = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT message_id, fingerprint, created_at FROM idempotency
                    WHERE group_id = ? AND key = ? AND created_at > ?
                    """
            ),
            arguments: [group, key, (transaction.createdAt - AppendBatch.idempotencyPeriod).milliseconds]
        )
        guard let first else { return nil }
        guard try first.value(1, as: Int64.self) == Checksum.fingerprint(of: draft) else {
            return .failure(
                BrokerError(
                    .idempotencyKeyReused,
                    "The idempotency key \(key.quotedForPeople) was used in the group '\(draft.group)' with another event, "
                        + "data or ttl: nothing was stored. Use a new key for a new message."
                )
            )
        }
        let createdAt = Timestamp(milliseconds: try first.value(2))
        let message = Message(
            id: MessageID(epoch: epoch, sequence: try first.value(0)),
            group: draft.group,
            event: draft.event,
            data: draft.data,
            createdAt: createdAt,
            expiresAt: draft.ttl.map { createdAt + $0 }
        )
        return .success(Published(message, isReplay: true))
    }

    func remember(_ key: String, of draft: MessageDraft, _ message: Message, group: Int64, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO idempotency (group_id, key, fingerprint, message_id, created_at)
                VALUES (?, ?, ?, ?, ?)
                """
        ).execute(
            arguments: [
                group, key, Checksum.fingerprint(of: draft), message.id?.sequence, message.createdAt.milliseconds,
            ]
        )
    }
}
