import GRDB

/// What is in a database.
public struct DatabaseStatistics: Hashable, Sendable {
    /// A stored message, as far as figures go.
    public struct Entry: Hashable, Sendable {
        public let id: MessageID
        public let createdAt: Timestamp
    }

    public let epoch: Epoch
    /// Which version of the tables it has.
    public let schemaVersion: Int
    public let messages: Int
    /// Groups that anything was ever published to.
    public let groups: Int
    /// The data of all messages, in bytes.
    public let dataBytes: Int
    public let oldest: Entry?
    public let newest: Entry?
    /// Idempotency keys that are remembered.
    public let idempotencyKeys: Int
    public let sizes: StoreSizes
    /// Of the database file, in bytes: what deleted messages have left, for new ones to use.
    public let freeBytes: Int

    init(_ db: Database, _ sizes: StoreSizes) throws {
        let epoch = try SQLiteSchema.epoch(db)
        func number(_ sql: String) throws -> Int { try Int.fetchOne(db, sql: sql) ?? 0 }
        func entry(_ order: String) throws -> Entry? {
            try Row.fetchOne(db, sql: "SELECT id, created_at FROM messages ORDER BY id \(order) LIMIT 1").map {
                Entry(
                    id: MessageID(epoch: epoch, sequence: try $0.value(0)),
                    createdAt: Timestamp(milliseconds: try $0.value(1))
                )
            }
        }
        self.epoch = epoch
        self.sizes = sizes
        schemaVersion = try SQLiteSchema.version(db)
        messages = try number("SELECT sum(messages) FROM groups")
        groups = try number("SELECT count(*) FROM groups")
        dataBytes = try number("SELECT sum(bytes) FROM groups")
        idempotencyKeys = try number("SELECT count(*) FROM idempotency")
        freeBytes = try number("PRAGMA freelist_count") * number("PRAGMA page_size")
        oldest = try entry("ASC")
        newest = try entry("DESC")
    }
}
