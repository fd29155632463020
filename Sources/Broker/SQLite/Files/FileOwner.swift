import Foundation

/// Whose a file is, and who may read it. Files beside a database take its owner and mode: a tool that runs as root must not
/// leave files there that the server cannot open.
struct FileOwner {
    private let user: uid_t
    private let group: gid_t
    private let mode: mode_t

    /// Nil where there is no such file.
    init?(ofFile path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (user, group, mode) = (status.st_uid, status.st_gid, status.st_mode & 0o777)
    }

    /// As far as this process may.
    func give(toDescriptor descriptor: Int32) {
        _ = fchown(descriptor, user, group)
        _ = fchmod(descriptor, mode)
    }

    /// As far as this process may.
    func give(toFile path: String) {
        _ = chown(path, user, group)
        _ = chmod(path, mode)
    }
}
