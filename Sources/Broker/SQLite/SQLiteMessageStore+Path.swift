import Foundation

extension SQLiteMessageStore {
    /// Checks what can be told of a database's path without opening or making anything: its folder is there, a file that is
    /// there is a database, and both may be written.
    ///
    /// Not to be called while this process has the database open: that would take back its locks (fcntl(2)).
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable`, and a sentence on what to do.
    public static func checkPath(_ path: String) throws(BrokerError) {
        guard path != inMemoryPath else { return }
        let file = file(of: path)
        try SQLiteFailure.checkFolder(of: file)
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
        let isThere = fileSize(file) != nil
        guard access(folder, W_OK | X_OK) == 0, !isThere || access(file, R_OK | W_OK) == 0 else {
            throw BrokerError(
                .storeUnusable,
                "The database '\(path)' cannot be opened for writing: check the permissions of the file and its folder."
            )
        }
        try SQLiteSchema.refuseOthers(file)
    }
}
