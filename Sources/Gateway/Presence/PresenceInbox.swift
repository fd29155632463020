import Broker
import NIOCore
import Synchronization

/// What waits for an event loop of the presence of groups: one update for each group that it watches, at most. Where another
/// comes before the loop has taken the first, the newer one is kept, and it says that something is missing.
///
/// The only part of ``ShardPresence`` that other threads touch.
final class PresenceInbox: PresenceWatcher {
    struct Entry {
        let update: PresenceUpdate
        /// Whether there was one before it that is gone: what streams know is too old for its difference.
        let followsGap: Bool
    }

    private struct State {
        var entries: [GroupName: Entry] = [:]
        /// In the order in which they came.
        var order: [GroupName] = []
        var isScheduled = false
        var drain: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let eventLoop: any EventLoop
    private let outside: OutsideWork

    init(eventLoop: any EventLoop, outside: OutsideWork) {
        (self.eventLoop, self.outside) = (eventLoop, outside)
    }

    /// - Parameter drain: Runs on the loop when something has come.
    func start(_ drain: @escaping @Sendable () -> Void) {
        state.withLock { $0.drain = drain }
    }

    /// Nothing is put onto the loop any more once this has returned and ``OutsideWork`` has ended.
    func stop() {
        state.withLock { $0 = State() }
    }

    func receive(_ update: PresenceUpdate) {
        let drain: (@Sendable () -> Void)? = state.withLock { state in
            guard let drain = state.drain else { return nil }
            let earlier = state.entries.updateValue(Entry(update: update, followsGap: false), forKey: update.group)
            if earlier == nil {
                state.order.append(update.group)
            } else {
                state.entries[update.group] = Entry(update: update, followsGap: true)
            }
            guard !state.isScheduled else { return nil }
            state.isScheduled = true
            outside.begin()
            return drain
        }
        guard let drain else { return }
        eventLoop.execute(drain)
        outside.end()
    }

    /// - Returns: Those that came first, and whether there are others.
    func take(atMost limit: Int) -> (entries: [Entry], hasMore: Bool) {
        state.withLock { state in
            let groups = state.order.prefix(limit)
            let entries = groups.compactMap { state.entries.removeValue(forKey: $0) }
            state.order.removeFirst(groups.count)
            state.isScheduled = !state.order.isEmpty
            return (entries, state.isScheduled)
        }
    }
}
