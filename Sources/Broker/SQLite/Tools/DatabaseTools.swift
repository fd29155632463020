import Foundation
import GRDB
import GRDBSQLite

/// What an operator does with a database file, also while a server has it open in another process.
///
/// All of it goes through connections of its own and leaves the server's lock alone. Methods block their thread while they
/// read, `check` and `backup` for as long as reading the whole file takes.
public struct DatabaseTools: Sendable {
    /// The path as it was given.
    public let path: String
    /// The file that it leads to.
    let file: String

    /// - Throws: ``BrokerError`` with the code `storeUnusable` if there is no file, or not a database of this version.
    public init(path: String) throws(BrokerError) {
        guard (SQLiteMessageStore.fileSize(path) ?? 0) > 0 else {
            throw BrokerError(.storeUnusable, "There is no database at '\(path)': give its path with --database.")
        }
        try SQLiteFailure.checkFolder(of: path)
        self.path = path
        file = SQLiteMessageStore.file(of: path)
        try read { try SQLiteSchema.verify($0) }
    }

    // MARK: Figures

    /// What is in the database.
    public func statistics() throws(BrokerError) -> DatabaseStatistics {
        let sizes = StoreSizes(
            database: SQLiteMessageStore.fileSize(file) ?? 0,
            writeAheadLog: SQLiteMessageStore.fileSize(file + "-wal") ?? 0
        )
        return try read { try DatabaseStatistics($0, sizes) }
    }

    // MARK: Backup

    /// Makes a copy that is whole in itself, whatever is published meanwhile, with an epoch of its own: the ids that the
    /// original gives from now on must not mean other messages in the copy.
    ///
    /// - Parameter path: Where nothing is yet.
    /// - Returns: The epoch of the copy.
    /// - Throws: ``BrokerError``: `storeUnusable` if there is something at the path or it cannot be written,
    ///   `storeUnavailable` if the original cannot be read.
    @discardableResult
    public func backup(to path: String) throws(BrokerError) -> Epoch {
        let destination = SQLiteMessageStore.plain(path)
        guard !FileManager.default.fileExists(atPath: destination) else {
            throw BrokerError(.storeUnusable, "There is a file at '\(destination)' already: give another path.")
        }
        try SQLiteFailure.checkFolder(of: destination, option: "--output")
        // A copy that was broken off must not look like a whole one.
        let partial = destination + "-partial"
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: partial + suffix) }
        defer { try? FileManager.default.removeItem(atPath: partial) }
        do {
            _ = FileManager.default.createFile(atPath: partial, contents: nil, attributes: [.posixPermissions: 0o600])
            let copy = try DatabaseQueue(path: partial)
            try withSource { try $0.backup(to: copy) }
            let epoch = try copy.write { try SQLiteSchema.renewEpoch($0) }
            try copy.close()
            FileOwner(ofFile: file)?.give(toFile: partial)
            try FileManager.default.moveItem(atPath: partial, toPath: destination)
            return epoch
        } catch let error as BrokerError {
            throw error
        } catch {
            throw SQLiteFailure.opening(destination, error)
        }
    }

    // MARK: Connections

    func read<Value>(_ body: (Database) throws -> Value) throws(BrokerError) -> Value {
        do {
            return try withSource { try $0.read(body) }
        } catch let error as BrokerError {
            throw error
        } catch {
            throw SQLiteFailure.opening(path, error)
        }
    }

    /// Leaves the folder as it is. Where there is a log, this must not be the last to close it: a server that was killed
    /// would find it gone. Where there is none, a connection that only reads would leave an empty one behind.
    ///
    /// Where nothing can be written (a read-only mount, another user's file) and there is no log, SQLite is told that
    /// nobody changes the file. Should a server have changed it meanwhile, `body` is called again.
    private func withSource<Value>(_ body: (DatabaseQueue) throws -> Value) throws -> Value {
        if !hasLog, !mayWrite, let found = try Self.whileUnchanged(file, { try body(Self.connectImmutable(file)) }) {
            return found
        }
        if !mayWrite, (SQLiteMessageStore.fileSize(file + "-wal") ?? 0) > 0,
            !FileManager.default.fileExists(atPath: file + "-shm")
        {
            throw BrokerError(
                .storeUnusable,
                "'\(path)' was not closed, and to read its write-ahead log '\(path)-shm' has to be made: start the server "
                    + "once, or run this as the user whose the database is."
            )
        }
        return try body(Self.connect(file, readonly: hasLog))
    }

    /// Whether this user may change the database, and make files beside it.
    var mayWrite: Bool {
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
        return access(file, W_OK) == 0 && access(folder, W_OK) == 0
    }

    /// Does something with a file that nobody is to change meanwhile, three times at most.
    ///
    /// - Returns: Nil where somebody did each time.
    /// - Throws: What `body` throws, where nobody did.
    static func whileUnchanged<Value>(_ file: String, _ body: () throws -> Value) throws -> Value? {
        for _ in 0..<3 {
            let before = FileState(file)
            let found = Result { try body() }
            if FileState(file) == before { return try found.get() }
        }
        return nil
    }

    /// What tells that somebody has written to a database, or is about to.
    private struct FileState: Equatable {
        private let size: Int?
        private let changed: [Int]
        private let hasLog: Bool

        init(_ file: String) {
            var status = stat()
            let isThere = stat(file, &status) == 0
            size = isThere ? Int(status.st_size) : nil
            changed = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec), Int(status.st_ino)]
            hasLog = FileManager.default.fileExists(atPath: file + "-wal")
        }
    }

    private var hasLog: Bool { FileManager.default.fileExists(atPath: file + "-wal") }

    /// A connection that only reads the file itself: it makes nothing beside it, and does not see a log.
    static func connectImmutable(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        var allowed = CharacterSet.urlPathAllowed
        allowed.remove(charactersIn: "?#%")
        let absolute = URL(fileURLWithPath: path).path
        let encoded = absolute.addingPercentEncoding(withAllowedCharacters: allowed) ?? absolute
        return try DatabaseQueue(path: "file:\(encoded)?immutable=1", configuration: configuration)
    }

    static func connect(_ path: String, readonly: Bool, keepsLog: Bool = false) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(5)
        if keepsLog {
            // Should the server end meanwhile, the last connection to close would remove the log: the next server could not
            // tell that nothing of it is lost.
            configuration.prepareDatabase { db in
                var isKept: CInt = 1
                sqlite3_file_control(db.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &isKept)
            }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}
