import Foundation
import Gateway
import SystemPackage

/// The file of API keys, as a whole.
struct KeyStore {
    let path: String

    /// - Parameter mayLack: Whether a file that is not there counts as one without keys.
    func read(mayLack: Bool = false) throws -> APIKeyFile {
        guard let data = FileManager.default.contents(atPath: path) else {
            if mayLack, !FileManager.default.fileExists(atPath: path) { return APIKeyFile() }
            throw UsageError(
                "The file \(path.escapedForTerminal) cannot be read: check that it is there, and whose it is."
            )
        }
        return try APIKeyFile(data)
    }

    /// Puts a new file in the place of the old one, so that a server never sees half of one. Only its owner may read it.
    /// One at a time changes it: who comes meanwhile waits, and then changes what the other has written.
    ///
    /// - Parameter change: What it throws leaves the file as it is.
    func change(mayLack: Bool = false, _ change: (inout APIKeyFile) throws -> Void) throws {
        let new = path + ".new"
        let descriptor = try locked(new)
        defer { try? descriptor.close() }
        do {
            var file = try read(mayLack: mayLack)
            try change(&file)
            try write(file, to: descriptor)
        } catch {
            // Before the lock is let go: whoever waits for it makes a new one.
            unlink(new)
            throw error
        }
        guard rename(new, path) == 0 else {
            unlink(new)
            throw Self.unwritable(path)
        }
    }

    /// Makes the new file, or waits for the one who has made it. The lock ends with the process, however that ends.
    private func locked(_ new: String) throws -> FileDescriptor {
        while true {
            let descriptor: FileDescriptor
            do {
                descriptor = try FileDescriptor.open(
                    FilePath(new),
                    .readWrite,
                    options: [.create, .noFollow, .closeOnExec],
                    permissions: [.ownerReadWrite]
                )
            } catch {
                throw Self.unwritable(new)
            }
            guard flock(descriptor.rawValue, LOCK_EX) == 0 else {
                try? descriptor.close()
                throw Self.unwritable(new)
            }
            // The one before has put it in the place of the old file, or removed it: then this is another's now.
            if Self.isAt(new, descriptor) { return descriptor }
            try? descriptor.close()
        }
    }

    private static func isAt(_ path: String, _ descriptor: FileDescriptor) -> Bool {
        var (there, here) = (stat(), stat())
        guard lstat(path, &there) == 0, fstat(descriptor.rawValue, &here) == 0 else { return false }
        return there.st_ino == here.st_ino && there.st_dev == here.st_dev
    }

    private func write(_ file: APIKeyFile, to descriptor: FileDescriptor) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(file) + Data("\n".utf8)
        var old = stat()
        let isThere = stat(path, &old) == 0
        do {
            // What one who was killed has left.
            try descriptor.resize(to: 0)
            try descriptor.writeAll(data)
        } catch {
            throw Self.unwritable(path)
        }
        guard fchmod(descriptor.rawValue, isThere ? old.st_mode & 0o7777 : 0o600) == 0, fsync(descriptor.rawValue) == 0
        else {
            throw Self.unwritable(path)
        }
        // The server goes on reading it as before, also where another user has changed it.
        guard !isThere || fchown(descriptor.rawValue, old.st_uid, old.st_gid) == 0 else {
            throw UsageError(
                "The file \(path.escapedForTerminal) belongs to somebody else: run this as its owner, such as with sudo -u."
            )
        }
    }

    private static func unwritable(_ path: String) -> UsageError {
        UsageError("The file \(path.escapedForTerminal) cannot be written: check the folder, and whose it is.")
    }
}
