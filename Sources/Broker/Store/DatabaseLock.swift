import Foundation
import Synchronization

/// Keeps a second process, or a second store in this one, away from a database: `PATH-lock`, held with `flock(2)`.
///
/// Two writers would each hand over their own messages only, and every subscriber would miss half of them. SQLite's own
/// locks cannot tell: they are held for a transaction, not for the life of a server. The system lets go of the lock when
/// the process ends, however it ends; the file stays, and holds the ``CommitRecord``.
final class DatabaseLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// - Throws: ``BrokerError`` with the code `storeUnusable` if somebody else holds the lock, or the file cannot be made.
    init(forDatabaseAt path: String) throws(BrokerError) {
        let descriptor = open(path + "-lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw BrokerError(
                .storeUnusable,
                "'\(path)-lock' cannot be written: check the permissions of the folder."
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw BrokerError(
                .storeUnusable,
                "Another server has the database '\(path)' open: stop that one, or give another path with --database."
            )
        }
        self.descriptor = Mutex(descriptor)
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

    func release() {
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
