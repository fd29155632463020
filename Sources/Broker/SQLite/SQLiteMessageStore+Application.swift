public import GRDB

/// An application's own tables, in the same database as the messages they belong to.
///
/// Their names begin with the application's, and so do the identifiers of its migrations, which must not begin with a
/// digit: such are the store's.
extension SQLiteMessageStore {
    /// The stored messages, to be read `FROM` in an application's SQL: `id`, `group_name`, `event`, `data`, `created_at` and
    /// `expires_at` (milliseconds since 1970; NULL for messages without a `ttl`). The store's tables are its own affair, and
    /// may change. By `id`, and by `group_name` and `id`, it is read through indexes.
    public static let messagesSource = """
        (SELECT m.id, g.name AS group_name, m.event, m.data, m.created_at, m.expires_at
            FROM messages m JOIN groups g ON g.id = m.group_id)
        """

    /// Brings an application's tables up to date.
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable`.
    public func migrate(_ migrator: DatabaseMigrator) throws(BrokerError) {
        do {
            try migrator.migrate(database)
            database.writeWithoutTransaction { _ in recordCommit() }
        } catch {
            throw BrokerError(.storeUnusable, "The application's tables cannot be made or changed.", underlying: error)
        }
    }

    /// Reads in one snapshot.
    ///
    /// - Parameter length: What it looks at, at most: a `long` read takes its turn among those of all clients.
    /// - Throws: ``BrokerError``: `storeUnavailable`, or what `body` throws of its own kind.
    public func readTables<Value: Sendable>(
        _ length: ReadLength = .short,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        try await read(length, body)
    }

    /// Writes in one transaction, between two batches of messages.
    ///
    /// - Throws: ``BrokerError``: `storeUnavailable`, or what `body` throws of its own kind.
    public func writeTables<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BrokerError) -> Value {
        try await write(body)
    }
}
