import Foundation
import GRDB

/// The tables, how they came to be, and the name of the database.
enum SQLiteSchema {
    /// "NTFY": tells our files from other programs' (https://www.sqlite.org/pragma.html#pragma_application_id).
    static let applicationID = 0x4E54_4659

    /// Looks at the header of a file (https://www.sqlite.org/fileformat.html#the_database_header) before SQLite does:
    /// setting up the write-ahead log would change another program's database for good.
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable`.
    static func refuseOthers(_ path: String) throws(BrokerError) {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        guard let header = (try? file.read(upToCount: 100)).flatMap({ $0.map(Array.init) }), !header.isEmpty else {
            return
        }
        guard header.count == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw BrokerError(
                .storeUnusable,
                "'\(path)' is no SQLite database: give another path with --database. The file was not changed."
            )
        }
        func number(_ range: Range<Int>) -> Int { header[range].reduce(0) { $0 << 8 | Int($1) } }
        let application = number(68..<72)
        // Ours has no number yet, and one page, where the very first start was cut short. A size of 1 means 65 536.
        let pageSize = number(16..<18) == 1 ? 65_536 : number(16..<18)
        let isBegun = application == 0 && SQLiteMessageStore.fileSize(path).map { $0 <= pageSize } ?? false
        guard application == applicationID || isBegun else { throw otherProgram }
    }

    /// Looks at the schema before the write-ahead log is set up, or moved into the file, which would change a newer
    /// version's database.
    ///
    /// - Throws: ``BrokerError`` with the code `storeUnusable`.
    static func refuseNewer(_ path: String) throws {
        guard (SQLiteMessageStore.fileSize(path) ?? 0) > 0 else { return }
        // A connection that only reads moves nothing out of a log.
        let hasLog = (SQLiteMessageStore.fileSize(path + "-wal") ?? 0) > 0
        let connect = {
            hasLog ? try DatabaseTools.connect(path, readonly: true) : try DatabaseTools.connectImmutable(path)
        }
        guard let queue = try? connect() else { return }
        defer { try? queue.close() }
        do {
            try queue.read { try verify($0) }
        } catch let error as BrokerError {
            throw error
        } catch {
            // Told when it is opened, with what to do.
        }
    }

    private static let otherProgram = BrokerError(
        .storeUnusable,
        "The file is another program's SQLite database: give another path with --database."
    )

    /// - Throws: ``BrokerError`` with the code `storeUnusable` for a database that is not ours, or a newer version's.
    static func verify(_ db: Database) throws {
        let application = try Int.fetchOne(db, sql: "PRAGMA application_id")
        // The migrator's own table comes first: an end right after it leaves nothing else.
        let isEmpty =
            try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'") == 0
        guard isEmpty || application == applicationID else {
            throw otherProgram
        }
        // Identifiers that begin with no digit are applications' own: see `migrate(_:)`.
        let applied = try migrations().appliedIdentifiers(db).filter { $0.first?.isNumber ?? false }
        guard applied.isSubset(of: migrations().migrations) else {
            throw BrokerError(
                .storeUnusable,
                "The database was made by a newer version of Notify: run that version, or give another path with "
                    + "--database."
            )
        }
    }

    static func migrate(_ database: any DatabaseWriter) throws {
        try migrations().migrate(database)
    }

    static func epoch(_ db: Database) throws -> Epoch {
        let text = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'epoch'")
        guard let text, let epoch = Epoch(text) else {
            throw BrokerError(
                .storeUnusable,
                "The database has lost its epoch and cannot be trusted: restore it from a backup."
            )
        }
        return epoch
    }

    /// From now on the ids of the database are other ones.
    static func renewEpoch(_ db: Database) throws -> Epoch {
        let epoch = Epoch.random()
        try db.execute(sql: "UPDATE meta SET value = ? WHERE key = 'epoch'", arguments: ["\(epoch)"])
        return epoch
    }

    /// How far the schema of a database has come: the number of migrations.
    static func version(_ db: Database) throws -> Int {
        try migrations().appliedMigrations(db).count
    }

    /// What is wrong with the structure of a database, in SQLite's words; empty if nothing is. Reads all of it: some 400 MB
    /// a second.
    static func structuralDamage(_ db: Database, limit: Int = 20) throws -> [String] {
        let findings = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(limit))")
        return findings == ["ok"] ? [] : findings
    }

    private static func migrations() -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 messages") { db in
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            try db.execute(sql: firstVersion)
            try db.execute(sql: "INSERT INTO meta (key, value) VALUES ('epoch', ?)", arguments: ["\(Epoch.random())"])
        }
        // They change no row. Deferred checks, which are the default, would read the whole database at the start.
        migrator.registerMigration("2 empty groups", foreignKeyChecks: .immediate) { try $0.execute(sql: emptyGroups) }
        migrator.registerMigration("3 patterns", foreignKeyChecks: .immediate) { try $0.execute(sql: patterns) }
        return migrator
    }

    /// Groups that have no messages, those first that lost theirs first. A sweep forgets them.
    private static let emptyGroups = """
        CREATE INDEX groups_by_removal ON groups (removed_through) WHERE first_id IS NULL;
        """

    /// For patterns, which ask what was removed, and what is oldest, of groups that are not known by name. A publish writes to
    /// neither, unless it is a group's first.
    private static let patterns = """
        CREATE INDEX groups_by_first_message ON groups (first_id) WHERE first_id IS NOT NULL;
        CREATE INDEX groups_by_removed_messages ON groups (removed_through) WHERE removed_through > 0;
        """

    /// `data` is a BLOB that holds UTF-8: SQLite's text functions, and what binds to them, end at a NUL, which is a
    /// legal character of a message. `CAST(data AS TEXT)` shows it.
    ///
    /// `checksum` is over all that is served of a message, its id and group's name included. The index over the groups has
    /// no column for the id: SQLite keeps the rows of equal keys in the order of their ids anyway.
    ///
    /// `removed_through` decides whether a client that resumes has missed something: only what retention or a purge
    /// took counts, so a quiet group never reports a gap.
    private static let firstVersion = """
        CREATE TABLE meta (
            key TEXT PRIMARY KEY NOT NULL,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE groups (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            messages INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            first_id INTEGER,
            last_id INTEGER,
            removed_through INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            group_id INTEGER NOT NULL REFERENCES groups (id),
            event TEXT NOT NULL,
            data BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX messages_by_group ON messages (group_id);
        CREATE INDEX messages_by_expiry ON messages (expires_at) WHERE expires_at IS NOT NULL;

        CREATE TABLE idempotency (
            group_id INTEGER NOT NULL REFERENCES groups (id),
            key TEXT NOT NULL,
            fingerprint INTEGER NOT NULL,
            message_id INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (group_id, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX idempotency_by_time ON idempotency (created_at);
        """
}
