extension MessageLog.Configuration {
    /// What an operator can set of the log.
    public enum Settings {
        private static let defaults = MessageLog.Configuration()

        // SQLite takes no value beyond 1 000 000 000 bytes (https://www.sqlite.org/limits.html).
        /// Of ``MessageLog/Configuration/maximumMessageSize``.
        public static let maxMessageSize = Setting(
            "max-message-size",
            .bytes,
            \.maximumMessageSize,
            in: 1...500_000_000,
            of: defaults,
            "The data of a message, in bytes"
        )
        /// Of ``MessageLog/Configuration/maximumWaitingBytes``.
        public static let maxWaitingSize = Setting(
            "max-waiting-size",
            .bytes,
            \.maximumWaitingBytes,
            in: 0...Int.max,
            of: defaults,
            "Publishes that wait for the database, in bytes"
        )

        /// All of them.
        public static let all = [maxMessageSize, maxWaitingSize]
    }
}

extension SQLiteMessageStore.Configuration {
    /// What an operator can set of the database.
    public enum Settings {
        private static let defaults = SQLiteMessageStore.Configuration()

        /// Of ``SQLiteMessageStore/Configuration/maximumWriteAheadLogSize``.
        public static let maxWALSize = Setting(
            "max-wal-size",
            .bytes,
            \.maximumWriteAheadLogSize,
            in: (1 << 20)...(1 << 40),
            of: defaults,
            "Above so many bytes the write-ahead log is emptied"
        )
        /// Of ``SQLiteMessageStore/Configuration/maximumEmptiedGroups``.
        public static let maxEmptiedGroups = Setting(
            "max-emptied-groups",
            .count,
            \.maximumEmptiedGroups,
            in: 0...10_000_000,
            of: defaults,
            """
            So many groups are remembered after retention or a purge took all of their messages, so that clients that \
            resume are told
            """
        )

        /// All of them.
        public static let all = [maxWALSize, maxEmptiedGroups]
    }
}
