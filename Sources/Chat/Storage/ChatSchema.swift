import GRDB

/// The chat's own tables, beside the broker's in the same database.
enum ChatSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("chat 1") { db in try db.execute(sql: firstVersion) }
        return migrator
    }

    /// A message's text is the broker's own row; `chat_messages` adds who wrote it, and goes with it.
    ///
    /// `renamed` marks the authors whose messages hold another name than theirs.
    private static let firstVersion = """
        CREATE TABLE chat_authors (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            renamed INTEGER NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE chat_messages (
            id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
            author_id INTEGER NOT NULL REFERENCES chat_authors (id)
        ) STRICT;
        CREATE INDEX chat_messages_by_author ON chat_messages (author_id, id);

        CREATE TABLE chat_sessions (
            token BLOB PRIMARY KEY NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX chat_sessions_by_expiry ON chat_sessions (expires_at);

        CREATE TABLE chat_settings (
            key TEXT PRIMARY KEY NOT NULL,
            value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
