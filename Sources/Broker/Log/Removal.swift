import Synchronization

/// Messages that have left the store, for whoever keeps messages in memory to drop.
public enum Removal: Hashable, Sendable {
    /// One message was deleted. For those who resume it is no gap.
    case message(Int64, in: GroupName)
    /// All messages of a group up to and including a sequence were removed, by a purge or by retention.
    case messages(through: Int64, in: GroupName)

    /// The group from which something was removed.
    public var group: GroupName {
        switch self {
        case .message(_, let group), .messages(_, let group): group
        }
    }
}

extension MessageLog {
    /// Has a closure called with everything that is removed from the store from now on.
    ///
    /// It is called after the removal is committed and before ``delete(_:in:)``, ``purge(_:through:)`` or a sweep
    /// returns, so a replay that begins after that must not show what was removed: drop it, or enqueue a note to drop it
    /// ahead of every later replay. Pages of the store that were asked for before the call and come after it may still
    /// hold it. A message is never removed before it was handed to the channel layer.
    ///
    /// Messages whose `ttl` has ended are not told: ``Message/expiresAt`` tells it, and earlier.
    ///
    /// - Parameter observer: Called on any thread, sometimes on several at once. It must not wait.
    /// - Returns: What ends the observation; else it lasts as long as the log.
    @discardableResult
    public func observeRemovals(_ observer: @escaping @Sendable ([Removal]) -> Void) -> RemovalObservation {
        RemovalObservation(log: self, number: removalObservers.withLock { $0.add(observer) })
    }

    /// Deletes one message, from history and every later replay. Its id is never used again.
    ///
    /// - Returns: Whether it was there.
    /// - Throws: ``BrokerError``: `storeUnavailable`.
    @discardableResult
    public func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        let wasThere = try await store.delete(sequence, in: group)
        // Also where it was not: a repeated call after one that was interrupted must leave the same behind.
        tell([.message(sequence, in: group)])
        return wasThere
    }

    /// Deletes several messages of a group, as ``delete(_:in:)`` does one, in transactions of bounded size.
    ///
    /// - Throws: ``BrokerError``: `storeUnavailable`; some may be gone then. Call it again.
    public func delete(contentsOf sequences: [Int64], in group: GroupName) async throws(BrokerError) {
        guard !sequences.isEmpty else { return }
        // Also where it fails: what is gone must not be shown.
        defer { tell(sequences.map { .message($0, in: group) }) }
        try await store.delete(contentsOf: sequences, in: group)
    }

    /// Removes a group's messages up to and including a sequence; all that are stored if none is given. Who resumes from
    /// before is told that something is missing.
    ///
    /// - Throws: ``BrokerError``: `storeUnavailable`; the oldest messages may be gone then. Call it again.
    public func purge(_ group: GroupName, through sequence: Int64? = nil) async throws(BrokerError) {
        // Never beyond what was handed over: what is published meanwhile stays.
        let through = min(sequence ?? .max, frontier.sequence)
        defer { tell([.messages(through: through, in: group)]) }
        try await store.remove(group, through: through)
    }

    /// One step of a sweep, see ``MessageStore/sweep(_:from:)``; ``Retention`` goes through all of them.
    public func sweep(
        _ policy: RetentionPolicy,
        from cursor: SweepCursor = .start
    ) async throws(BrokerError) -> SweepStep {
        let step = try await store.sweep(policy, from: cursor)
        tell(step.removals)
        return step
    }

    private func tell(_ removals: [Removal]) {
        guard !removals.isEmpty else { return }
        for observer in removalObservers.withLock({ $0.all }) { observer(removals) }
    }
}

/// Somebody is told of removals, until it is cancelled.
public struct RemovalObservation: Sendable {
    fileprivate let log: MessageLog
    fileprivate let number: Int

    /// Ends the observation, and lets go of the observer. A call that is under way on another thread may still come.
    public func cancel() {
        log.removalObservers.withLock { $0.remove(number) }
    }
}

/// Who is told of removals, in the order in which they came.
struct RemovalObservers {
    private var observers: [(number: Int, observer: @Sendable ([Removal]) -> Void)] = []
    private var last = 0

    var all: [@Sendable ([Removal]) -> Void] { observers.map(\.observer) }
    var count: Int { observers.count }

    mutating func add(_ observer: @escaping @Sendable ([Removal]) -> Void) -> Int {
        last += 1
        observers.append((last, observer))
        return last
    }

    mutating func remove(_ number: Int) {
        observers.removeAll { $0.number == number }
    }
}
