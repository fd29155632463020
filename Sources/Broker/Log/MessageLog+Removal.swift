import Synchronization

extension MessageLog {
    /// What happens to the log besides messages, which the channel layer hands over.
    public enum Notice: Sendable {
        /// Messages have left the store.
        case removals([Removal])
        /// Messages up to here are stored, and nobody was given them: read them from the store.
        case skipped(through: Int64)
    }

    /// Has a closure called with everything else that happens to the log from now on.
    ///
    /// Of removals it is told when they are committed, before ``delete(_:in:)``, ``purge(_:through:)`` or a step of a sweep
    /// returns, so a replay that begins after that must not show what was removed: drop it, or enqueue a note to drop it
    /// ahead of every later replay. Pages of the store that were asked for before the call and come after it may still
    /// hold it. A message is never removed before it was handed to the channel layer.
    ///
    /// Messages whose `ttl` has ended are not told: ``Message/expiresAt`` tells it, and earlier.
    ///
    /// - Parameter observer: Called on a thread of the store, for one notice after the other. It must not wait, nor call
    ///   the log.
    /// - Returns: What ends the observation; else it lasts as long as the log.
    @discardableResult
    public func observe(_ observer: @escaping @Sendable (Notice) -> Void) -> LogObservation {
        LogObservation(log: self, number: observers.withLock { $0.add(observer) })
    }

    /// Deletes one message, from history and every later replay. Its id is never used again.
    ///
    /// - Returns: Whether it was there.
    /// - Throws: ``BrokerError``: `storeUnavailable`.
    @discardableResult
    public func delete(_ sequence: Int64, in group: GroupName) async throws(BrokerError) -> Bool {
        try await store.delete(sequence, in: group)
    }

    /// Deletes several messages of a group, as ``delete(_:in:)`` does one, in transactions of bounded size.
    ///
    /// - Throws: ``BrokerError``: `storeUnavailable`; some may be gone then. Call it again.
    public func delete(contentsOf sequences: [Int64], in group: GroupName) async throws(BrokerError) {
        try await store.delete(contentsOf: sequences, in: group)
    }

    /// Removes a group's messages up to and including a sequence; all that are stored if none is given. Clients
    /// that resume from before are told that something is missing.
    ///
    /// - Throws: ``BrokerError``: `storeUnavailable`; the oldest messages may be gone then. Call it again.
    public func purge(_ group: GroupName, through sequence: Int64? = nil) async throws(BrokerError) {
        // Never beyond what was handed over: what is published meanwhile stays.
        try await store.remove(group, through: min(sequence ?? .max, frontier.sequence))
    }

    func tell(_ notice: Notice) {
        for observer in observers.withLock({ $0.all }) { observer(notice) }
    }
}

/// Somebody is told of what happens to a log, until it is cancelled.
public struct LogObservation: Sendable {
    fileprivate let log: MessageLog
    fileprivate let number: Int

    /// Ends the observation, and lets go of the observer. A call that is under way on another thread may still come.
    public func cancel() {
        log.observers.withLock { $0.remove(number) }
    }
}

/// The observers of a log, in the order in which they came.
struct LogObservers {
    typealias Observer = @Sendable (MessageLog.Notice) -> Void

    private var observers: [(number: Int, observer: Observer)] = []
    private var last = 0

    var all: [Observer] { observers.map(\.observer) }
    var count: Int { observers.count }

    mutating func add(_ observer: @escaping Observer) -> Int {
        last += 1
        observers.append((last, observer))
        return last
    }

    mutating func remove(_ number: Int) {
        observers.removeAll { $0.number == number }
    }
}
