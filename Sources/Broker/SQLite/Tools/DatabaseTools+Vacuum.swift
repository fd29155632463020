import GRDB
import GRDBSQLite
public import Logging

extension DatabaseTools {
    /// The size of a database file, in bytes.
    public struct Vacuumed: Hashable, Sendable {
        /// Before the vacuum.
        public let before: Int
        /// After it.
        public let after: Int
        /// What the file is about to lose of the size after: somebody reads an older state. The server gives it back when
        /// it next empties its write-ahead log.
        public let pending: Int
    }

    /// Gives the free pages of the file back to the file system.
    ///
    /// - Parameters:
    ///   - full: Write the whole file anew, as small as can be, instead of cutting free pages off. Needs as much space
    ///     again, and the database for itself.
    ///   - logger: Told if the database gets a new epoch: without a server, it is opened as one does.
    /// - Throws: ``BrokerError``: `storeUnavailable` if a server runs and `full` was asked for.
    public func vacuum(
        full: Bool = false,
        logger: Logger = Logger(label: "notify.store", factory: { _ in SwiftLogNoOpLogHandler() })
    ) async throws(BrokerError) -> Vacuumed {
        guard mayWrite else {
            throw BrokerError(
                .storeUnusable,
                "'\(path)' cannot be written by this user: run this as the user whose the database is."
            )
        }
        let before = SQLiteMessageStore.fileSize(file) ?? 0
        var size = 0
        if let lock = try? DatabaseLock(forDatabaseAt: file) {
            lock.release()
            let store = try SQLiteMessageStore(path: path, configuration: .init(logger: logger))
            let outcome = Result { try Self.vacuum(store.database, full: full) }
            try await store.close()
            do { try outcome.get() } catch { throw SQLiteFailure.changing(error) }
        } else {
            guard !full else {
                throw BrokerError(
                    .storeUnavailable,
                    "A server has the database open: stop it first, or vacuum without --full while it runs."
                )
            }
            do {
                let queue = try Self.connect(file, readonly: false, keepsLog: true)
                try Self.vacuum(queue, full: false)
                size = try Self.shrink(queue)
                try queue.close()
            } catch {
                throw SQLiteFailure.changing(error)
            }
        }
        let after = SQLiteMessageStore.fileSize(file) ?? 0
        return Vacuumed(before: before, after: after, pending: size > 0 ? max(0, after - size) : 0)
    }

    private static func vacuum(_ database: any DatabaseWriter, full: Bool) throws {
        if full { return try database.vacuum() }
        // Small transactions: a server that runs gets its turn between them.
        while try database.writeWithoutTransaction({ db in
            try db.execute(sql: "PRAGMA incremental_vacuum(256)")
            return try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        }) > 0 {}
    }

    /// A checkpoint is what cuts the file. It does not cut the log: the server's next commit begins that anew, and until
    /// then it holds what the server has recorded.
    ///
    /// - Returns: The size that the file has when the whole log is in it.
    private static func shrink(_ database: any DatabaseWriter) throws -> Int {
        try database.writeWithoutTransaction { db in
            // Publishers wait as long, where somebody else reads an older state.
            sqlite3_busy_timeout(db.sqliteConnection, 500)
            _ = try? db.checkpoint(.full)
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            return try pages * (Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
        }
    }
}
