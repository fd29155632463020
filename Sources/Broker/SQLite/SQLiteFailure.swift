import Foundation
import GRDB

/// SQLite's result codes as sentences for an operator.
enum SQLiteFailure {
    /// - Parameter option: What the path was given with.
    static func checkFolder(of path: String, option: String = "--database") throws(BrokerError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw BrokerError(
                .storeUnusable,
                "The folder '\(folder)' does not exist: create it, or give another path with \(option)."
            )
        }
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
            throw BrokerError(.storeUnusable, "'\(path)' is a folder: give the path of a file with \(option).")
        }
        var status = stat()
        // Opening a pipe would wait for somebody at its other end.
        guard stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
            throw BrokerError(.storeUnusable, "'\(path)' is no file: give the path of a file with \(option).")
        }
    }

    static func opening(_ path: String, _ error: any Error) -> BrokerError {
        let sentence =
            switch (error as? DatabaseError)?.resultCode {
            case .SQLITE_NOTADB?:
                "'\(path)' is no SQLite database: give another path with --database. The file was not changed."
            case .SQLITE_CORRUPT?:
                "The database '\(path)' is damaged: restore it from a backup. The file was not changed."
            case .SQLITE_BUSY?, .SQLITE_LOCKED?:
                "The database '\(path)' is locked by another process: stop that one first."
            case .SQLITE_CANTOPEN?, .SQLITE_PERM?, .SQLITE_READONLY?, .SQLITE_AUTH?:
                "The database '\(path)' cannot be opened for writing: check the permissions of the file and its folder."
            case .SQLITE_FULL?:
                "The disk of the database '\(path)' is full: free some space."
            default:
                "The database '\(path)' cannot be used."
            }
        return BrokerError(.storeUnusable, sentence, underlying: error)
    }

    /// There is a write-ahead log without its database.
    static func missing(_ path: String) -> BrokerError {
        BrokerError(
            .storeUnusable,
            "The database '\(path)' is gone or empty, but its write-ahead log is there: put the file back. If it is lost, "
                + "move '\(path)-wal' away, then restore a backup or begin with an empty database."
        )
    }

    /// - Parameter finding: What is wrong, for the log.
    static func damaged(_ path: String, _ finding: String) -> BrokerError {
        BrokerError(
            .storeUnusable,
            "The database '\(path)' is damaged (\(finding)): restore it from a backup. 'notify-cli database check' tells more."
        )
    }

    static func writing(_ error: any Error) -> BrokerError {
        let sentence =
            switch (error as? DatabaseError)?.resultCode {
            case .SQLITE_FULL?:
                "The disk is full: nothing was stored. Free some space and send it again."
            case .SQLITE_BUSY?, .SQLITE_LOCKED?:
                "The database is locked by another process: nothing was stored. Send it again."
            case .SQLITE_READONLY?, .SQLITE_PERM?:
                "The database cannot be written: nothing was stored. Check its permissions and send it again."
            case .SQLITE_IOERR?, .SQLITE_CANTOPEN?:
                "The database's files cannot be written: nothing was stored. Check their disk and permissions, and send it "
                    + "again."
            case .SQLITE_CORRUPT?, .SQLITE_NOTADB?:
                "The database is damaged: nothing was stored. Stop the server and restore it from a backup."
            case .SQLITE_TOOBIG?:
                "The message is too big for the database."
            default:
                "The database did not take the message: nothing was stored. Send it again; the server's log says why."
            }
        return BrokerError(.storeUnavailable, sentence, underlying: error)
    }

    /// A change that is no publish: a deletion, or a step of a sweep.
    static func changing(_ error: any Error) -> BrokerError {
        if let error = error as? BrokerError { return error }
        return BrokerError(
            .storeUnavailable,
            "The database cannot be changed now: try again. The server's log says why.",
            underlying: error
        )
    }

    static func reading(_ error: any Error) -> BrokerError {
        if let error = error as? BrokerError { return error }
        switch (error as? DatabaseError)?.resultCode {
        case .SQLITE_CORRUPT?, .SQLITE_NOTADB?:
            return BrokerError(
                .storeUnusable,
                "The database is damaged: stop the server and restore it from a backup.",
                underlying: error
            )
        default:
            return BrokerError(.storeUnavailable, "The database cannot be read now: try again.", underlying: error)
        }
    }
}
