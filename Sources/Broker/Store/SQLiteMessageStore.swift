import Dispatch
import Foundation
import GRDB
import Synchronization

/// Messages in one SQLite database, through GRDB.
///
/// One connection writes, two read (write-ahead log). Every commit is flushed to the disk before its messages are
/// handed on: `synchronous=FULL`. With `:memory:` there is a single connection, and nothing outlives the store.
public final class SQLiteMessageStore: MessageStore {
    /// The path that means "in memory only".
    public static let inMemoryPath = ":memory:"

    public let epoch: Epoch
    /// The path as it was given.
    public let path: String
    let database: any DatabaseWriter
    private let lock: DatabaseLock?
    /// Row ids of groups that the writer has met, so that a publish does not look its group up. Touched on the writer
    /// only; the lock is there for the compiler.
    let knownGroups = Mutex<[GroupName: Int64]>([:])

    /// Opens the database, makes it if there is none, and brings its schema up to date.
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable`, and a sentence on what to do: the folder is missing, the
    ///   file is no SQLite database, it belongs to another program or a newer version, another server has it
    ///   open, or it cannot be written.
    public init(path: String) throws(BrokerError) {
        self.path = path
        do {
            if path == Self.inMemoryPath {
                lock = nil
            } else {
                try SQLiteFailure.checkFolder(of: path)
                lock = try DatabaseLock(forDatabaseAt: path)
            }
            database = try Self.open(path)
            try SQLiteSchema.prepare(database)
            epoch = try SQLiteSchema.epoch(in: database)
        } catch let error as BrokerError {
            throw error
        } catch {
            throw SQLiteFailure.opening(path, error)
        }
    }

    private static func open(_ path: String) throws -> any DatabaseWriter {
        var configuration = Configuration()
        configuration.label = "notify"
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 2
        configuration.prepareDatabase { db in
            guard !db.configuration.readonly else { return }
            // Takes effect on a new file only, and only before write-ahead logging is set up.
            try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "PRAGMA secure_delete = OFF")
        }
        guard path != inMemoryPath else { return try DatabaseQueue(configuration: configuration) }
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.writeWithoutTransaction { db in
            // GRDB's set-up of the write-ahead log has left NORMAL, which may lose the last commits with the power.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
                throw BrokerError(.storeUnusable, "SQLite does not accept synchronous=FULL for '\(path)'.")
            }
        }
        return pool
    }

    public func newestSequence() throws(BrokerError) -> Int64 {
        do {
            return try database.read { db in
                try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'messages'") ?? 0
            }
        } catch {
            throw SQLiteFailure.reading(error)
        }
    }

    public func close() async throws(BrokerError) {
        do {
            // Blocks its thread until the readers are back, and they need a thread of the concurrency pool for that: with
            // one core there is only one.
            try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                DispatchQueue.global().async { [database] in
                    done.resume(with: Result { try database.close() })
                }
            }
            lock?.release()
        } catch {
            throw BrokerError(.storeUnavailable, "The database cannot be closed while it is in use.", underlying: error)
        }
    }
}
