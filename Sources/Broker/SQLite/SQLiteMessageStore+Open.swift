import Foundation
import GRDB
import GRDBSQLite
import Logging
import Synchronization

extension SQLiteMessageStore {
    struct Opened {
        let database: any DatabaseWriter
        let lock: DatabaseLock?
        let logFrames: WriteAheadLogFrames
        let pageSize: Int
        let epoch: Epoch
        let newest: Int64
    }

    /// Connections that read: as many reads may be under way at the same time.
    static let readers = 3

    /// Files up to here are always checked when they are opened: it takes up to a fifth of a second.
    private static let checkedSize = 64 << 20

    static func open(_ path: String, _ configuration: Configuration) throws -> Opened {
        let frames = WriteAheadLogFrames()
        guard path != inMemoryPath else {
            let queue = try DatabaseQueue(configuration: databaseConfiguration(configuration))
            try SQLiteSchema.migrate(queue)
            return Opened(
                database: queue,
                lock: nil,
                logFrames: frames,
                pageSize: 4096,
                epoch: try queue.read { try SQLiteSchema.epoch($0) },
                newest: 0
            )
        }
        try SQLiteFailure.checkFolder(of: path)
        let (lock, isNew) = try DatabaseLock.claim(path) {
            try SQLiteSchema.refuseOthers(path)
            try SQLiteSchema.refuseNewer(path)
            let lock = try DatabaseLock(forDatabaseAt: path)
            let isNew = (fileSize(path) ?? 0) == 0
            // SQLite would remove it.
            if isNew, (fileSize(path + "-wal") ?? 0) > 0 { throw SQLiteFailure.missing(path) }
            if isNew { makeFile(path) }
            try lock.lockDatabase()
            return (lock, isNew)
        }
        let record = lock.record()
        // Before SQLite opens it, which ends the log where it finds it damaged.
        let trace = record?.position.map { WriteAheadLogFile(ofDatabaseAt: path)?.trace(of: $0) ?? .lost } ?? .whole
        let pool = try DatabasePool(path: path, configuration: databaseConfiguration(configuration))
        try pool.writeWithoutTransaction { db in
            try SQLiteSchema.verify(db)
            try setUp(db, configuration.durability, frames)
        }
        // How far a log goes that began anew, no record tells.
        let isTrusted = trace == .whole && record != nil
        if !isNew, !isTrusted || (fileSize(path) ?? 0) <= checkedSize { try checkStructure(of: pool, path) }
        try SQLiteSchema.migrate(pool)
        // Damage to the log can only take messages then, never the tables.
        if isNew { try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) } }
        var epoch = try pool.read { try SQLiteSchema.epoch($0) }
        let newest = try pool.read { try newestSequence($0) }
        let doubt =
            isNew
            ? EpochDoubt(aboutNewBeside: record)
            : EpochDoubt(record: record, epoch: epoch, newest: newest, isLogIntact: trace != .lost)
        if let doubt {
            if isTrusted, doubt != .unflushed { try checkStructure(of: pool, path) }
            try pool.read { try checkCounts($0, path) }
            epoch = try pool.write { try SQLiteSchema.renewEpoch($0) }
            configuration.logger.warning(
                "The database gets a new epoch, and clients that resume are told so: \(doubt.sentence)",
                metadata: ["database": "\(path)", "epoch": "\(epoch)"]
            )
        }
        let opening = CommitRecord(
            epoch: epoch,
            sequence: newest,
            isUnflushed: configuration.durability == .normal
        )
        guard lock.write(opening, flushing: true) else {
            throw BrokerError(.storeUnusable, "'\(path)-lock' cannot be written: free some space on its disk.")
        }
        return Opened(
            database: pool,
            lock: lock,
            logFrames: frames,
            pageSize: try pool.read { try Int.fetchOne($0, sql: "PRAGMA page_size") ?? 4096 },
            epoch: epoch,
            newest: newest
        )
    }

    /// Messages are for those whom the server lets read them: SQLite would make a file for everybody. The files beside it
    /// take its mode.
    private static func makeFile(_ path: String) {
        let descriptor = Foundation.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor >= 0 { Foundation.close(descriptor) }
    }

    private static func databaseConfiguration(_ settings: Configuration) -> GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.label = "notify"
        configuration.busyMode = .timeout(settings.busyTimeout / .seconds(1))
        configuration.maximumReaderCount = readers
        configuration.prepareDatabase { db in
            guard !db.configuration.readonly else { return }
            // Takes effect on a new file only, and only before write-ahead logging is set up.
            try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "PRAGMA secure_delete = OFF")
        }
        return configuration
    }

    private static func setUp(_ db: Database, _ durability: Durability, _ frames: WriteAheadLogFrames) throws {
        // GRDB's set-up of the write-ahead log has left NORMAL, which may lose the last commits with the power.
        let level = durability == .full ? 2 : 1
        try db.execute(sql: "PRAGMA synchronous = \(level)")
        guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == level else {
            throw BrokerError(.storeUnusable, "SQLite does not accept the durability '\(durability.rawValue)'.")
        }
        // Takes the place of SQLite's own hook, whose checkpoints would hold up the answers to publishers.
        sqlite3_wal_hook(
            db.sqliteConnection,
            { frames, _, _, count in
                guard let frames else { return SQLITE_OK }
                Unmanaged<WriteAheadLogFrames>.fromOpaque(frames).takeUnretainedValue().set(Int(count))
                return SQLITE_OK
            },
            Unmanaged.passUnretained(frames).toOpaque()
        )
    }

    /// The highest sequence that was ever given, as far as the database knows.
    static func newestSequence(_ db: Database) throws -> Int64 {
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'messages'")
        return max(given ?? 0, try Int64.fetchOne(db, sql: "SELECT max(id) FROM messages") ?? 0)
    }

    private static func checkStructure(of database: any DatabaseWriter, _ path: String) throws {
        let damage = try database.read { try SQLiteSchema.structuralDamage($0, limit: 1) }
        if let damage = damage.first { throw SQLiteFailure.damaged(path, damage) }
    }

    private static func checkCounts(_ db: Database, _ path: String) throws {
        if let damage = try DatabaseInvariants.wrongCounts(db).first { throw SQLiteFailure.damaged(path, damage) }
    }
}

/// How many frames the write-ahead log has, as SQLite tells after each commit.
final class WriteAheadLogFrames: Sendable {
    private let frames = Atomic(0)

    var count: Int { frames.load(ordering: .relaxed) }

    func set(_ count: Int) {
        frames.store(count, ordering: .relaxed)
    }
}
