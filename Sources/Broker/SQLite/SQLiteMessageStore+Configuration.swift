public import Logging

extension SQLiteMessageStore {
    /// How a database is used.
    public struct Configuration: Sendable {
        /// What an answered publish survives; ``Durability/full`` by default.
        public var durability: Durability
        /// Above so many bytes the write-ahead log is emptied, and new reads wait a moment for it. Between 1 MiB and that
        /// it is emptied as far as reads allow, and nobody waits.
        public var maximumWriteAheadLogSize: Int
        /// So many groups without messages are remembered, those that retention or a purge emptied last: whoever resumes
        /// from before is told that something is missing. Beyond, everybody is told so who resumes from before the newest
        /// message that was forgotten, in every group that had no messages then: also where nothing is missing.
        public var maximumEmptiedGroups: Int
        /// How long a write waits for another process that has locked the database.
        public var busyTimeout: Duration
        /// The wall clock: what messages are stamped with, and what `ttl` and retention go by.
        public var clock: @Sendable () -> Timestamp
        /// Told when the store stops taking messages and when it does again, and of damage.
        public var logger: Logger

        public init(
            durability: Durability = .full,
            maximumWriteAheadLogSize: Int = 64 << 20,
            maximumEmptiedGroups: Int = 100_000,
            busyTimeout: Duration = .seconds(5),
            clock: @escaping @Sendable () -> Timestamp = { .now() },
            logger: Logger = Logger(label: "notify.store", factory: { _ in SwiftLogNoOpLogHandler() })
        ) {
            self.durability = durability
            self.maximumWriteAheadLogSize = maximumWriteAheadLogSize
            self.maximumEmptiedGroups = maximumEmptiedGroups
            self.busyTimeout = busyTimeout
            self.clock = clock
            self.logger = logger
        }
    }
}
