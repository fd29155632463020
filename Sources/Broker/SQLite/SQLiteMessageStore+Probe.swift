import GRDB

extension SQLiteMessageStore {
    public func checkWritable() async throws(BrokerError) {
        let now = configuration.clock().milliseconds
        try await write { db in
            // Another value each time: SQLite writes no page that has not changed.
            try db.cachedStatement(
                sql: """
                    INSERT INTO meta (key, value) VALUES ('probed_at', ?)
                        ON CONFLICT (key) DO UPDATE SET value = excluded.value
                    """
            ).execute(arguments: ["\(now)"])
        }
    }
}
