import GRDB

/// The tables, how they came to be, and the name of the database.
enum SQLiteSchema {
    /// "NTFY": tells our files from other programs' (https://www.sqlite.org/pragma.html#pragma_application_id).
    static let applicationID = 0x4E54_4659

    static func prepare(_ database: any DatabaseWriter) throws {
        let migrator = migrations()
        try database.writeWithoutTransaction { db in
            let application = try Int.fetchOne(db, sql: "PRAGMA application_id")
            let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
            guard isEmpty || application == applicationID else {
                throw BrokerError(
                    .storeUnusable,
                    "The file is another program's SQLite database: give another path with --database."
                )
            }
            // Identifiers that begin with no digit are applications' own: see `migrate(_:)`.
            let applied = try migrator.appliedIdentifiers(db).filter { $0.first?.isNumber ?? false }
            guard applied.isSubset(of: migrator.migrations) else {
                throw BrokerError(
                    .storeUnusable,
                    "The database was made by a newer version of Notify: run that version, or give another path with "
                        + "--database."
                )
            }
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
        }
        try migrator.migrate(database)
    }

    static func epoch(in database: any DatabaseWriter) throws -> Epoch {
        let text = try database.read { db in try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'epoch'")
        }
        guard let text, let epoch = Epoch(text) else {
            throw BrokerError(
                .storeUnusable,
                "The database has lost its epoch and cannot be trusted: restore it from a backup."
            )
        }
        return epoch
    }

    private static func migrations() -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 messages") { db in
            try db.execute(sql: firstVersion)
            try db.execute(sql: "INSERT INTO meta (key, value) VALUES ('epoch', ?)", arguments: ["\(Epoch.random())"])
        }
        return migrator
    }

    /// `data` is a BLOB that holds UTF-8: SQLite's text functions, and what binds to them, end at a NUL, which is a
    /// legal character of a message. `CAST(data AS TEXT)` shows it.
    ///
    /// `removed_through` decides whether a client that resumes has missed something: only what retention or a purge
    /// took counts, so a quiet group never reports a gap.
    private static let firstVersion = """
        CREATE TABLE meta (
            key TEXT PRIMARY KEY NOT NULL,
            value TEXT NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE groups (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            messages INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            first_id INTEGER,
            last_id INTEGER,
            removed_through INTEGER NOT NULL DEFAULT 0
        );

        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            group_id INTEGER NOT NULL REFERENCES groups (id),
            event TEXT NOT NULL,
            data BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER
        );
        CREATE INDEX messages_by_group ON messages (group_id, id);
        CREATE INDEX messages_by_expiry ON messages (expires_at) WHERE expires_at IS NOT NULL;

        CREATE TABLE idempotency (
            group_id INTEGER NOT NULL REFERENCES groups (id),
            key TEXT NOT NULL,
            fingerprint BLOB NOT NULL,
            message_id INTEGER NOT NULL,
            event TEXT NOT NULL,
            data_bytes INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (group_id, key)
        ) WITHOUT ROWID;
        CREATE INDEX idempotency_by_time ON idempotency (created_at);
        """
}
