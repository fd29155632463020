import GRDB
import GRDBSQLite
import Logging
import Synchronization

/// What follows a commit: the record beside the database, and checkpoints of the write-ahead log.
extension SQLiteMessageStore {
    /// Records what was committed. To be called after every commit, on the writer, before anybody is told of it.
    func recordCommit() {
        guard let lock else { return }
        let frames = logFrames.count
        let isNewlyFailing = writer.withLock { writer in
            if writer.logFile == nil, frames > 0 { writer.logFile = WriteAheadLogFile(ofDatabaseAt: file) }
            var record = CommitRecord(
                epoch: epoch,
                sequence: writer.newest,
                isUnflushed: configuration.durability == .normal
            )
            record.position = writer.logFile?.position(after: frames, pageSize: pageSize)
            let wasFailing = writer.isRecordFailing
            writer.isRecordFailing = !lock.write(record)
            return writer.isRecordFailing && !wasFailing
        }
        if isNewlyFailing {
            configuration.logger.error(
                "The lock file cannot be written: damage to the write-ahead log would not be noticed",
                metadata: ["file": "\(file)-lock"]
            )
        }
    }

    /// Moves the write-ahead log into the database if it has grown. On the writer, when publishers have been answered.
    func checkpointIfNeeded(_ db: Database) {
        let frames = logFrames.count
        switch writer.withLock({ $0.checkpoints.committed(frames: frames) }) {
        case .nothing: break
        case .passive: _ = try? db.checkpoint(.passive)
        case .truncating: truncateLog()
        }
    }

    /// Reads that overlap each other keep the log from beginning anew, and it grows without end. So no new read begins
    /// until those that are under way, each a page at most, are back and the log is empty. Publishes go on until then.
    private func truncateLog() {
        guard beginUse() else { return }
        database.asyncBarrierWriteWithoutTransaction { [self] db in
            defer { endUse() }
            guard let db = try? db.get() else { return }
            emptyLog(db)
        }
    }

    /// - Returns: Whether the database file alone has everything now.
    @discardableResult
    private func emptyLog(_ db: Database) -> Bool {
        // First, so that an end in between does not look as if the log had been cut.
        writer.withLock { writer in
            let record = CommitRecord(
                epoch: epoch,
                sequence: writer.newest,
                isUnflushed: configuration.durability == .normal
            )
            _ = lock?.write(record)
        }
        // A reader in another process, such as a backup, may take long: publishers do not wait for it.
        sqlite3_busy_timeout(db.sqliteConnection, 100)
        defer {
            let timeout = Int32(clamping: Int(configuration.busyTimeout / .milliseconds(1)))
            sqlite3_busy_timeout(db.sqliteConnection, timeout)
        }
        guard (try? db.checkpoint(.truncate)) != nil else {
            recordCommit()
            return false
        }
        logFrames.set(0)
        return true
    }

    /// Before the connections are closed. Waits for reads that are under way: one that overlaps would leave a part of the
    /// log there.
    ///
    /// - Returns: Whether the database file alone has everything.
    func finishLog() throws -> Bool {
        // Closed already: there is no connection any more.
        guard lock?.record() != nil else { return true }
        return try database.barrierWriteWithoutTransaction { emptyLog($0) }
    }

    /// When the connections are closed, or are about to be.
    func recordClosing(isWhole: Bool) {
        guard let lock, var record = lock.record() else { return }
        if isWhole { record.position = nil }
        record.isClosed = isWhole
        _ = lock.write(record, flushing: true)
    }
}

/// When to move the write-ahead log into the database. A pure state machine.
struct CheckpointSchedule {
    enum Action: Hashable {
        case nothing
        /// As far as reads allow; nobody waits.
        case passive
        /// All of it, and cut the file; reads wait.
        case truncating
    }

    /// As SQLite's own default: the pages of about 4 MB.
    private static let step = 1000

    private let maximumFrames: Int
    private var nextPassive = Self.step
    private var nextTruncation: Int
    private var last = 0

    init(maximumFrames: Int) {
        self.maximumFrames = max(1, maximumFrames)
        nextTruncation = self.maximumFrames
    }

    /// - Parameter frames: How many frames the log has after a commit.
    mutating func committed(frames: Int) -> Action {
        if frames < last { (nextPassive, nextTruncation) = (Self.step, maximumFrames) }
        last = frames
        if frames >= nextTruncation {
            // Another attempt, should this one fail, when it has become worth it.
            nextTruncation = frames + max(1, maximumFrames / 4)
            return .truncating
        }
        if frames >= nextPassive {
            nextPassive = frames + Self.step
            return .passive
        }
        return .nothing
    }
}
