import Foundation
import Synchronization

/// Keeps a second process, or a second store in this one, away from a database: `PATH-lock`, held with `flock(2)`.
///
/// Two writers would each hand over their own messages only, and every subscriber would miss half of them. SQLite's own
/// locks cannot tell: they are held for a transaction, not for the life of a server. The system lets go of the lock when
/// the process ends, however it ends; the file stays, and holds the ``CommitRecord``.
///
/// The database's own file is locked as well (``lockDatabase()``): a lock file can be deleted under a running server, and
/// a second server would then make another one.
final class DatabaseLock: Sendable {
    private let descriptor: Mutex<Int32?>
    /// Of the database itself. SQLite's own locks are of another kind (fcntl), but closing any descriptor of the file lets
    /// go of those: this one is closed when SQLite has closed the file.
    private let database = Mutex<Int32?>(nil)
    private let path: String
    private let identity = Mutex<FileIdentity?>(nil)

    /// The databases that this process has open. Closing any descriptor of such a file, also one that was just opened to
    /// look at it, would let go of SQLite's own locks (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    private static let inUse = Mutex<Set<FileIdentity>>([])

    /// Looks at a database and locks it, one at a time in this process.
    ///
    /// - Parameter claim: What opens the file. It is not called where this process has the file open.
    /// - Throws: ``BrokerError`` with the code `storeUnusable` if this process has it open, and what `claim` throws.
    static func claim<Value>(_ path: String, _ claim: () throws -> (lock: DatabaseLock, Value)) throws -> (
        lock: DatabaseLock, Value
    ) {
        try inUse.withLock { inUse in
            if let identity = FileIdentity(path), inUse.contains(identity) { throw isTaken(path) }
            let claimed = try claim()
            if let identity = FileIdentity(path) {
                inUse.insert(identity)
                claimed.lock.identity.withLock { $0 = identity }
            }
            return claimed
        }
    }

    /// - Throws: ``BrokerError`` with the code `storeUnusable` if somebody else holds the lock, or the file cannot be made.
    init(forDatabaseAt path: String) throws(BrokerError) {
        let descriptor = open(path + "-lock", O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            guard errno != ELOOP else {
                throw BrokerError(
                    .storeUnusable,
                    "'\(path)-lock' is a symbolic link, and would overwrite what it leads to: remove it."
                )
            }
            throw BrokerError(
                .storeUnusable,
                "'\(path)-lock' cannot be written: check the permissions of the folder."
            )
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink <= 1 else {
            close(descriptor)
            throw BrokerError(
                .storeUnusable,
                "'\(path)-lock' is no file of the server's own (another name of some file, or no regular file), and would be "
                    + "overwritten: remove it."
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Self.isTaken(path)
        }
        self.path = path
        self.descriptor = Mutex(descriptor)
        FileOwner(ofFile: path)?.give(toDescriptor: descriptor)
    }

    private static func isTaken(_ path: String) -> BrokerError {
        BrokerError(
            .storeUnusable,
            "Another server has the database '\(path)' open: stop that one, or give another path with --database."
        )
    }

    /// To be called when the database's file is there.
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable` if somebody else has it.
    func lockDatabase() throws(BrokerError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Self.isTaken(path)
        }
        database.withLock { $0 = descriptor }
    }

    /// Nil if there is none, or not a whole one.
    func record() -> CommitRecord? {
        descriptor.withLock { descriptor in
            guard let descriptor else { return nil }
            let bytes = [UInt8](unsafeUninitializedCapacity: CommitRecord.size) { buffer, read in
                read = max(0, pread(descriptor, buffer.baseAddress, CommitRecord.size, 0))
            }
            return CommitRecord(bytes)
        }
    }

    /// Survives the end of the process; with `flushing` also that of the system.
    ///
    /// - Returns: Whether it was written.
    func write(_ record: CommitRecord, flushing: Bool = false) -> Bool {
        descriptor.withLock { descriptor in
            guard let descriptor else { return false }
            let bytes = record.bytes
            guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else { return false }
            return !flushing || fsync(descriptor) == 0
        }
    }

    /// To be called when SQLite has closed the database.
    func release() {
        Self.release(database)
        let claimed = identity.withLock { identity in
            defer { identity = nil }
            return identity
        }
        if let claimed { Self.inUse.withLock { _ = $0.remove(claimed) } }
        Self.release(descriptor)
    }

    private static func release(_ descriptor: borrowing Mutex<Int32?>) {
        descriptor.withLock { descriptor in
            if let descriptor {
                // Not by closing alone: a child process that is just being started still has the file open, too.
                flock(descriptor, LOCK_UN)
                close(descriptor)
            }
            descriptor = nil
        }
    }

    deinit {
        release()
    }
}

/// A file, by whatever path.
private struct FileIdentity: Hashable {
    let device: dev_t
    let inode: ino_t

    /// Nil where there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, inode) = (status.st_dev, status.st_ino)
    }
}
