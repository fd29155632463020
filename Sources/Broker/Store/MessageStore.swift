/// Where messages are kept: an append-only log with one sequence, read by group.
///
/// The broker above knows only this protocol, so that an engine that several machines share can take its place. All
/// methods may be called from any thread, never from an event loop: the reading ones wait for storage.
public protocol MessageStore: Sendable {
    /// Which ids are its own.
    var epochs: EpochState { get }

    /// Begins the feed: from now on `take` is called for all that happens.
    ///
    /// The log calls it, once, before it appends.
    ///
    /// - Parameter take: Called on a thread of the store, which waits for it, for one event after the other. Unstored
    ///   messages alone come beside the others, on any thread.
    /// - Returns: The position after which the feed begins: the highest sequence that was ever given, also when that message
    ///   was deleted since; 0 in an empty store.
    /// - Throws: ``BrokerError`` with the code `storeUnusable` where the feed has begun already.
    func start(_ take: @escaping @Sendable (StoreEvent) -> Void) throws(BrokerError) -> Int64

    /// Commits batches until there are no more.
    ///
    /// Calls `next` on the store's one writer for the drafts to commit together; for each batch calls `committed` with a
    /// result for every draft, in the same order, before it asks for another. Ids ascend in that order, within a batch
    /// and from batch to batch. When a result is a message, it is durable, and the feed has handed it over. A draft that the store refuses fails alone, or
    /// with all of its unit; a commit that fails, fails its batch. Returns at once. Not to be called again until `next`
    /// has returned nil.
    ///
    /// A draft with an idempotency key that was used in its group within ``AppendBatch/idempotencyPeriod``, in this batch
    /// or before, is answered with that message; with another event, data or ttl it is refused (`idempotencyKeyReused`).
    func append(
        next: @escaping @Sendable () -> AppendBatch?,
        committed: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void
    )

    /// Sends messages to whoever is connected, through the feed, and stores nothing.
    func broadcast(_ unstored: [Message])

    /// The messages of `topics` with `after < sequence <= through`, ascending: the oldest `limit` of them, fewer where
    /// their data passes `maximumBytes` (at least one is returned if there is one). Where a pattern is among the topics, the
    /// page may end early, also with no message at all: ``LogPage/end`` says where.
    func messages(
        of topics: [Topic],
        after: Int64,
        through: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage

    /// The newest `limit` messages of `topics` with `sequence < before`, ascending, fewer where their data passes
    /// `maximumBytes` (at least one is returned if there is one).
    func newestMessages(
        of topics: [Topic],
        before: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage

    /// The position from which a replay of `topics` begins, at most `through`.
    func position(of start: ReplayStart, in topics: [Topic], through: Int64) async throws(BrokerError) -> Int64

    /// One message; nil if there is none with this sequence in this group.
    func message(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Message?

    /// Groups by name, from the first that begins with `prefix` and comes after `after`.
    func groups(prefix: String, after: String, limit: Int) async throws(BrokerError) -> [StoredGroup]

    /// One group; nil if nothing was ever published to it.
    func group(_ name: GroupName) async throws(BrokerError) -> StoredGroup?

    /// Deletes one message. Its sequence is never used again. The feed tells of it before this returns, as of all that is
    /// removed.
    ///
    /// - Returns: Whether it was there.
    func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool

    /// Deletes several messages of a group, in transactions of bounded size. Those that are not there are passed over.
    ///
    /// - Throws: ``BrokerError``; some of them may be gone then.
    func delete(contentsOf sequences: [Int64], in group: GroupName) async throws(BrokerError)

    /// Deletes the messages of a group up to and including a sequence, as retention and a purge do: who resumes from
    /// before is told that something is missing. In small steps beside the load, the oldest first.
    func remove(_ group: GroupName, through sequence: Int64) async throws(BrokerError)

    /// One small step of tidying up: removes some of the messages whose `ttl` has ended or that a policy does not keep,
    /// or of what else has grown old. A pass over everything begins with ``SweepCursor/start`` and goes on with each
    /// step's ``SweepStep/next`` until that is nil.
    func sweep(_ policy: RetentionPolicy, from cursor: SweepCursor) async throws(BrokerError) -> SweepStep

    /// Writes something that no reader sees, and waits until it is as safe as a message would be. It waits behind what was
    /// to be written before. No sequence is used.
    ///
    /// - Throws: ``BrokerError``: `storeUnavailable` where the store takes no writes, `closed`.
    func checkWritable() async throws(BrokerError)

    /// How many reads wait for their turn. Cheap: for metrics.
    var waitingReads: Int { get }

    /// How many groups without messages are remembered since retention or a purge took something from them, as of the
    /// last sweep. Cheap: for metrics.
    var emptiedGroups: Int { get }

    /// How much space the store takes. Cheap: for metrics.
    func sizes() throws(BrokerError) -> StoreSizes

    /// Waits for all that was asked for before (batches until ``append(next:committed:)`` has no more, deletions, steps of
    /// a sweep, reads), and closes the files. What is asked for from this call on is refused with the code `closed`. Close
    /// the log first, or the batches may never end.
    func close() async throws(BrokerError)
}

extension MessageStore {
    /// That of the messages to come.
    public var epoch: Epoch { epochs.current }
    /// None, where nothing counts them.
    public var waitingReads: Int { 0 }
    /// None, where nothing counts them.
    public var emptiedGroups: Int { 0 }
}

extension MessageStore {
    /// One after the other, for a store that has no better way.
    public func delete(contentsOf sequences: [Int64], in group: GroupName) async throws(BrokerError) {
        for sequence in sequences { _ = try await delete(sequence, in: group) }
    }
}

/// Drafts that are committed in one transaction.
public struct AppendBatch: Sendable {
    /// How long an idempotency key is remembered.
    public static let idempotencyPeriod = Duration.seconds(86_400)

    /// In the order in which they are stored.
    public let drafts: [MessageDraft]
    /// Stretches of `drafts` that are stored together or not at all, ascending. What lies in none stands for itself.
    public let units: [Range<Int>]

    public init(drafts: [MessageDraft], units: [Range<Int>] = []) {
        self.drafts = drafts
        self.units = units
    }
}

/// Where a replay begins when the client has no position of its own.
public enum ReplayStart: Hashable, Sendable {
    /// With the oldest message that is stored.
    case all
    /// With the newest so many, over all groups together. Costs a look at each of them, unless the groups hold no more.
    case last(Int)
    /// With the first message created at or after a time. Found by bisection over the log, so it is exact as long as
    /// the clock was not set back between two messages.
    case since(Timestamp)
}

/// A stretch of the log of some groups. It ends before a message that is damaged; asked for what follows then, the store
/// throws, with a ``DamagedMessage`` beneath.
public struct LogPage: Sendable {
    /// A page that begins within so many messages of where it may end is read at once, and waits behind no longer reads.
    public static let nearHead: Int64 = 4096

    /// Ascending.
    public let messages: [Message]
    /// Whether nothing more lies in the stretch that was asked for.
    public let isComplete: Bool
    /// The highest sequence that retention or a purge removed from any of the groups; 0 if nothing was. Of groups that match
    /// a pattern, it is looked for only beyond the beginning of the page.
    public let removedThrough: Int64
    /// The oldest sequence that is still stored of the groups, wherever the stretch lies, at most that of a message whose
    /// `ttl` has just ended; nil if none is. For a pattern it is looked for only where something was removed beyond the
    /// beginning of the page.
    public let oldest: Int64?
    /// Where the page ends that is not complete and whose last message does not say so: the log was read up to here, and
    /// holds no others.
    public let end: Int64?

    public init(messages: [Message], isComplete: Bool, removedThrough: Int64, oldest: Int64?, end: Int64? = nil) {
        self.messages = messages
        self.isComplete = isComplete
        self.removedThrough = removedThrough
        self.oldest = oldest
        self.end = end
    }
}

/// A group as the store knows it. Counts are kept, not counted: messages whose `ttl` has ended are in them until the
/// next sweep.
public struct StoredGroup: Hashable, Sendable {
    /// The group.
    public let name: GroupName
    /// How many of its messages are stored.
    public let messages: Int
    /// Nil when all its messages are gone.
    public let first: Int64?
    /// Nil when all its messages are gone.
    public let last: Int64?

    public init(name: GroupName, messages: Int, first: Int64?, last: Int64?) {
        self.name = name
        self.messages = messages
        self.first = first
        self.last = last
    }
}

/// How much space a store takes, in bytes.
public struct StoreSizes: Hashable, Sendable {
    /// The database file.
    public let database: Int
    /// The write-ahead log, which grows between checkpoints.
    public let writeAheadLog: Int

    public init(database: Int, writeAheadLog: Int) {
        self.database = database
        self.writeAheadLog = writeAheadLog
    }
}
