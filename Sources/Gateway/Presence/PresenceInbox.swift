import Broker
import NIOCore
import Synchronization

/// What waits for an event loop of the presence of groups: one update for each group that it watches, at most. Where another
/// comes before the loop has taken the first, the newer one is kept, and it says that something is missing.
///
/// The only part of ``ShardPresence`` that other threads touch.
final class PresenceInbox: Sendable {
    struct Entry {
        let update: PresenceUpdate
        /// To whom it was told.
        let watcher: GroupWatcher
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

    func receive(_ update: PresenceUpdate, for watcher: GroupWatcher) {
        let drain: (@Sendable () -> Void)? = state.withLock { state in
            guard let drain = state.drain else { return nil }
            let hasEarlier = state.entries[update.group] != nil
            state.entries[update.group] = Entry(update: update, watcher: watcher, followsGap: hasEarlier)
            if !hasEarlier { state.order.append(update.group) }
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

/// Watches one group for an event loop, from the first stream that asks until the last of them has gone.
final class GroupWatcher: PresenceWatcher {
    private let inbox: PresenceInbox

    init(_ inbox: PresenceInbox) {
        self.inbox = inbox
    }

    func receive(_ update: PresenceUpdate) { inbox.receive(update, for: self) }
}
