import Broker
import Dispatch
import Synchronization

/// A store that stops at each step of a replay, so that a test can do something there.
final class PausingStore: MessageStore {
    enum Step: Hashable, CaseIterable, Sendable {
        case beforePage, afterPage, beforePosition, afterPosition
    }

    private let inner: any MessageStore
    private let atStep = Mutex<@Sendable (Step) async -> Void> { _ in }
    private let beforeHandOver = Mutex<@Sendable ([Message]) -> Void> { _ in }

    private let feed = Mutex<@Sendable (StoreEvent) -> Void> { _ in }
    private let loses = Mutex(false)
    private let refusesWrites = Mutex(false)
    private let pagesToFail = Mutex(0)
    private let onEpochs = Mutex<@Sendable () -> Void> {}

    init(_ inner: any MessageStore) {
        self.inner = inner
    }

    /// Lets the next so many reads of a page fail.
    func failPages(_ count: Int) {
        pagesToFail.withLock { $0 = count }
    }

    /// What is done at each step, before the step goes on.
    func at(_ action: @escaping @Sendable (Step) async -> Void) {
        atStep.withLock { $0 = action }
    }

    /// What is done when a batch is committed, and nobody has been told. Runs on the writer, which waits for it.
    func beforeHandOver(_ action: @escaping @Sendable ([Message]) -> Void) {
        beforeHandOver.withLock { $0 = action }
    }

    private func reach(_ step: Step) async {
        await atStep.withLock { $0 }(step)
    }

    var epochs: EpochState {
        onEpochs.withLock { $0 }()
        return inner.epochs
    }

    /// What is done when somebody asks for the epochs, as an event loop does before it answers a subscription.
    func atEpochs(_ action: @escaping @Sendable () -> Void) {
        onEpochs.withLock { $0 = action }
    }

    func checkWritable() async throws(BrokerError) {
        guard !refusesWrites.withLock({ $0 }) else { throw BrokerError(.storeUnavailable, "The disk is full.") }
        try await inner.checkWritable()
    }

    /// Whether the store says that it cannot be written to.
    func refuseWrites(_ isRefusing: Bool) {
        refusesWrites.withLock { $0 = isRefusing }
    }

    func start(_ take: @escaping @Sendable (StoreEvent) -> Void) throws(BrokerError) -> Int64 {
        feed.withLock { $0 = take }
        return try inner.start { event in
            if case .messages(let messages, _) = event {
                self.beforeHandOver.withLock { $0 }(messages)
                if self.loses.withLock({ $0 }) { return }
            }
            take(event)
        }
    }

    /// Whether messages are stored and not handed over, as in an engine whose feed was cut.
    func loseMessages(_ isLosing: Bool) {
        loses.withLock { $0 = isLosing }
    }

    // MARK: Publishes that are held

    private struct Held {
        var isHeld = false
        var start: (@Sendable () -> Void)?
    }

    private let held = Mutex(Held())
    private let (arrivals, arrived) = AsyncStream<Void>.makeStream()

    /// On a database in memory. Its writer does not begin before it is let: publishes stay under way for as long as a test
    /// needs.
    static func holdingPublishes() throws -> PausingStore {
        let store = PausingStore(try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath))
        store.held.withLock { $0.isHeld = true }
        return store
    }

    /// Waits until a publish has come.
    func publishArrives() async {
        for await _ in arrivals { return }
    }

    func release() {
        let start = held.withLock { held in
            held.isHeld = false
            return held.start
        }
        start?()
    }

    /// Tells the log something that did not happen in the store.
    func tell(_ event: StoreEvent) {
        feed.withLock { $0 }(event)
    }

    func broadcast(_ unstored: [Message]) { inner.broadcast(unstored) }

    func append(
        next: @escaping @Sendable () -> AppendBatch?,
        committed: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void
    ) {
        let start: @Sendable () -> Void = { [inner] in inner.append(next: next, committed: committed) }
        let isHeld = held.withLock { held in
            if held.isHeld { held.start = start }
            return held.isHeld
        }
        if !isHeld { start() }
        arrived.yield()
    }

    func messages(
        of topics: [Topic],
        after: Int64,
        through: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        await reach(.beforePage)
        let fails = pagesToFail.withLock { left in
            defer { left = max(0, left - 1) }
            return left > 0
        }
        guard !fails else { throw BrokerError(.storeUnavailable, "The database cannot be read now.") }
        // Few at a time, so that a replay takes many pages.
        let page = try await inner.messages(
            of: topics,
            after: after,
            through: through,
            limit: min(limit, 4),
            maximumBytes: maximumBytes
        )
        await reach(.afterPage)
        return page
    }

    func newestMessages(
        of topics: [Topic],
        before: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        try await inner.newestMessages(of: topics, before: before, limit: limit, maximumBytes: maximumBytes)
    }

    func position(of start: ReplayStart, in topics: [Topic], through: Int64) async throws(BrokerError) -> Int64 {
        await reach(.beforePosition)
        let position = try await inner.position(of: start, in: topics, through: through)
        await reach(.afterPosition)
        return position
    }

    func message(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Message? {
        try await inner.message(sequence, in: group)
    }

    func groups(prefix: String, after: String, limit: Int) async throws(BrokerError) -> [StoredGroup] {
        try await inner.groups(prefix: prefix, after: after, limit: limit)
    }

    func group(_ name: GroupName) async throws(BrokerError) -> StoredGroup? { try await inner.group(name) }

    func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        try await inner.delete(sequence, in: group)
    }

    func remove(_ group: GroupName, through sequence: Int64) async throws(BrokerError) {
        try await inner.remove(group, through: sequence)
    }

    func sweep(_ policy: RetentionPolicy, from cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        try await inner.sweep(policy, from: cursor)
    }

    func sizes() throws(BrokerError) -> StoreSizes { try inner.sizes() }

    func close() async throws(BrokerError) { try await inner.close() }
}

/// Where a thread waits until it is let through.
final class StreamGate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let reached: AsyncStream<Void>
    private let announce: AsyncStream<Void>.Continuation

    init() {
        (reached, announce) = AsyncStream.makeStream()
    }

    /// Blocks the thread.
    func pass() {
        announce.yield()
        semaphore.wait()
    }

    /// Waits until a thread stands at the gate.
    func isReached() async {
        for await _ in reached { return }
    }

    func open() {
        semaphore.signal()
    }
}
