import Broker
import Synchronization

/// A store whose writer does not begin before it is let: publishes stay under way for as long as a test needs.
final class HeldStore: MessageStore {
    private struct State {
        var isHeld = true
        var start: (@Sendable () -> Void)?
    }

    private let base: SQLiteMessageStore
    private let state = Mutex(State())
    private let arrivals: AsyncStream<Void>
    private let arrived: AsyncStream<Void>.Continuation

    init() throws {
        base = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        (arrivals, arrived) = AsyncStream.makeStream()
    }

    /// Waits until a publish has come.
    func publishArrives() async {
        for await _ in arrivals { return }
    }

    func release() {
        let start = state.withLock { state in
            state.isHeld = false
            return state.start
        }
        start?()
    }

    func append(
        next: @escaping @Sendable () -> AppendBatch?,
        committed: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void
    ) {
        let start: @Sendable () -> Void = { [base] in base.append(next: next, committed: committed) }
        let isHeld = state.withLock { state in
            if state.isHeld { state.start = start }
            return state.isHeld
        }
        if !isHeld { start() }
        arrived.yield()
    }

    // MARK: As the store below

    var epoch: Epoch { base.epoch }

    func newestSequence() throws(BrokerError) -> Int64 { try base.newestSequence() }

    func messages(of groups: [GroupName], after: Int64, through: Int64, limit: Int, maximumBytes: Int)
        async throws(BrokerError) -> LogPage
    {
        try await base.messages(of: groups, after: after, through: through, limit: limit, maximumBytes: maximumBytes)
    }

    func newestMessages(of group: GroupName, before: Int64, limit: Int, maximumBytes: Int)
        async throws(BrokerError) -> LogPage
    {
        try await base.newestMessages(of: group, before: before, limit: limit, maximumBytes: maximumBytes)
    }

    func position(of start: ReplayStart, in groups: [GroupName], through: Int64) async throws(BrokerError) -> Int64 {
        try await base.position(of: start, in: groups, through: through)
    }

    func message(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Message? {
        try await base.message(sequence, in: group)
    }

    func groups(prefix: String, after: String, limit: Int) async throws(BrokerError) -> [StoredGroup] {
        try await base.groups(prefix: prefix, after: after, limit: limit)
    }

    func group(_ name: GroupName) async throws(BrokerError) -> StoredGroup? { try await base.group(name) }

    func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        try await base.delete(sequence, in: group)
    }

    func remove(_ group: GroupName, through sequence: Int64) async throws(BrokerError) {
        try await base.remove(group, through: sequence)
    }

    func sweep(_ policy: RetentionPolicy, from cursor: SweepCursor) async throws(BrokerError) -> SweepStep {
        try await base.sweep(policy, from: cursor)
    }

    func sizes() throws(BrokerError) -> StoreSizes { try base.sizes() }

    func close() async throws(BrokerError) { try await base.close() }
}
