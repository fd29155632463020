import Dispatch
import Foundation
import GRDB
import Synchronization

/// Messages in one SQLite database, through GRDB.
///
/// One connection writes, three read (write-ahead log). One of the three takes short reads only, see ``ReadSchedule``. Every
/// commit is flushed to the disk before its messages are handed on, unless ``Durability/normal`` was asked for. With
/// `:memory:` there is a single connection, and nothing outlives the store.
public final class SQLiteMessageStore: MessageStore {
    /// The path that means "in memory only".
    public static let inMemoryPath = ":memory:"

    public let epochs: EpochState
    /// The path as it was given.
    public let path: String
    /// The file that it leads to.
    let file: String
    /// As it was given; does not change.
    public let configuration: Configuration
    let database: any DatabaseWriter
    let lock: DatabaseLock?
    let logFrames: WriteAheadLogFrames
    let pageSize: Int
    let turns: ReadTurns
    /// What the writer remembers. Touched on the writer only; the lock is there for the compiler.
    let writer: Mutex<WriterState>
    let use = Mutex(StoreUse())
    private let feed = Mutex<Feed?>(nil)
    let emptiedGroupsCount = Atomic(0)

    /// Opens the database, makes it if there is none, and brings its schema up to date.
    ///
    /// Where ids could come twice, it draws a new ``epoch`` first, and logs why: the write-ahead log is damaged, the
    /// file was copied, is gone or is older than what was published, or it was not closed in ``Durability/normal``. Its
    /// structure is checked then, and always in files of up to 64 MiB.
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable`, and a sentence on what to do: the folder is missing, the
    ///   file is gone but its write-ahead log is there, it is no SQLite database, it is damaged, it belongs to another
    ///   program or a newer version, another server has it open, or it cannot be written.
    public init(path: String, configuration: Configuration = Configuration()) throws(BrokerError) {
        let opened: Opened
        let file = Self.file(of: path)
        do {
            opened = try Self.open(file, configuration)
        } catch let error as BrokerError {
            throw error
        } catch {
            throw SQLiteFailure.opening(path, error)
        }
        self.path = path
        self.file = file
        self.configuration = configuration
        (epochs, database, lock) = (EpochState(opened.epoch), opened.database, opened.lock)
        (logFrames, pageSize) = (opened.logFrames, opened.pageSize)
        turns = ReadTurns(readers: path == Self.inMemoryPath ? 1 : Self.readers)
        writer = Mutex(
            WriterState(
                newest: opened.newest,
                checkpoints: CheckpointSchedule(
                    maximumFrames: configuration.maximumWriteAheadLogSize / opened.pageSize
                )
            )
        )
    }

    /// What the writer remembers between two transactions.
    struct WriterState {
        /// Row ids of groups that the writer has met, so that a publish does not look its group up.
        var knownGroups: [GroupName: Int64] = [:]
        /// The highest sequence that was given.
        var newest: Int64
        /// What retention has to look at.
        var sweeps = SweepSchedule()
        /// Where the look at groups without messages goes on.
        var emptyGroups = EmptyGroupPosition()
        var checkpoints: CheckpointSchedule
        var logFile: WriteAheadLogFile?
        /// Whether the last commit failed.
        var isFailing = false
        /// Whether the last commit could not be recorded beside the database.
        var isRecordFailing = false
    }

    public var waitingReads: Int { turns.waiting }
    public var emptiedGroups: Int { emptiedGroupsCount.load(ordering: .relaxed) }

    public func start(_ take: @escaping @Sendable (StoreEvent) -> Void) throws(BrokerError) -> Int64 {
        let isFirst = feed.withLock { feed in
            guard feed == nil else { return false }
            feed = Feed(take)
            return true
        }
        guard isFirst else {
            throw BrokerError(
                .storeUnusable,
                "The store has a message log already, and can have only one: share that log."
            )
        }
        return writer.withLock { $0.newest }
    }

    /// On the writer, except for what is not stored.
    func hand(over event: StoreEvent) {
        feed.withLock { $0 }?.take(event)
    }

    /// A function in a lock by itself would be wrapped anew with each look at it, and the wrappers add up.
    private final class Feed: Sendable {
        let take: @Sendable (StoreEvent) -> Void

        init(_ take: @escaping @Sendable (StoreEvent) -> Void) {
            self.take = take
        }
    }

    public func broadcast(_ unstored: [Message]) {
        hand(over: .unstored(unstored))
    }

    public func sizes() throws(BrokerError) -> StoreSizes {
        guard path != Self.inMemoryPath else { return StoreSizes(database: 0, writeAheadLog: 0) }
        return StoreSizes(database: Self.fileSize(file) ?? 0, writeAheadLog: Self.fileSize(file + "-wal") ?? 0)
    }

    /// The file that a path leads to: SQLite puts the write-ahead log there, and two servers that come by different paths
    /// must meet at one lock.
    ///
    /// A link counts also where its target does not exist yet. `file:x` is the name of a file, not one of SQLite's URIs.
    static func file(of path: String) -> String {
        guard path != inMemoryPath else { return path }
        var file = plain(path)
        // As many as Linux follows (path_resolution(7)).
        for _ in 0..<40 {
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: file) else { break }
            let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
            file = target.utf8.first == UInt8(ascii: "/") ? target : folder + "/" + target
        }
        return file
    }

    /// A path that SQLite does not take for a URI.
    static func plain(_ path: String) -> String { path.utf8.starts(with: "file:".utf8) ? "./" + path : path }

    static func fileSize(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    public func close() async throws(BrokerError) {
        await withCheckedContinuation { (wakeUp: CheckedContinuation<Void, Never>) in
            if !use.withLock({ $0.close(wakeUp) }) { wakeUp.resume() }
        }
        do {
            // Blocks its thread until the readers are back, and they need a thread of the concurrency pool for that: with
            // one core there is only one.
            try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                DispatchQueue.global().async {
                    done.resume(
                        with: Result {
                            let isWhole = try self.finishLog()
                            // They only read: as the last to be closed they would leave the write-ahead log there.
                            (self.database as? DatabasePool)?.invalidateReadOnlyConnections()
                            try self.database.close()
                            // The last connection takes the log with it when it has moved all of it.
                            self.recordClosing(isWhole: isWhole || (Self.fileSize(self.file + "-wal") ?? 0) == 0)
                        }
                    )
                }
            }
            lock?.release()
        } catch {
            use.withLock { $0.reopen() }
            throw BrokerError(.storeUnavailable, "The database cannot be closed while it is in use.", underlying: error)
        }
    }

    deinit {
        // Closing the connections moves the log into the database.
        recordClosing(isWhole: configuration.durability == .full)
    }
}
