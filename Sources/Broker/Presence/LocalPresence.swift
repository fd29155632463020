import Dispatch
import Synchronization

/// Who follows which group on this server.
///
/// One timer serves all of it, and only while somebody is about to leave or something is to be told: four times a second it
/// tells each group's changes together. Safe to use from any thread.
public final class LocalPresence: PresenceRegistry {
    private struct Shared {
        var state: PresenceState
        var isTimed = false
    }

    /// Between two updates of a group: at most four a second.
    public static let interval = Duration.milliseconds(250)
    /// So many may be about to leave, over all groups: some 20 MB, and 100 MB more where each has 1 KiB of info.
    public static let maximumLeaving = 100_000
    /// Users who leave while the lock is held, at most: joins must not wait long.
    private static let leavesAtOnce = 1000

    private let shared: Mutex<Shared>
    /// On it alone things are told, so each watcher hears of a group's changes in their order.
    private let queue = DispatchQueue(label: "notify.presence")

    /// - Parameters:
    ///   - delay: How long after the end of its last connection a user leaves.
    ///   - maximumLeaving: Users who are about to leave, at most.
    public init(delay: Duration = .seconds(5), maximumLeaving: Int = LocalPresence.maximumLeaving) {
        shared = Mutex(Shared(state: PresenceState(delay: delay, maximumLeaving: maximumLeaving)))
    }

    public func join(_ groups: [GroupName], as user: PresentUser?) {
        change { state in
            let now = Timestamp.now()
            for group in groups { state.join(group, user, at: now) }
        }
    }

    public func leave(_ groups: [GroupName], as user: PresentUser?) {
        change { state in
            let now = ContinuousClock.now
            for group in groups { state.leave(group, user?.name, at: now) }
        }
    }

    public func watch(_ group: GroupName, _ watcher: any PresenceWatcher) {
        change { $0.watch(group, watcher) }
    }

    public func unwatch(_ group: GroupName, _ watcher: any PresenceWatcher) {
        change { $0.unwatch(group, watcher) }
    }

    public func requestState(of group: GroupName) {
        change { $0.requestState(of: group) }
    }

    public func page(
        of group: GroupName,
        after: UserName?,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> PresencePage {
        shared.withLock { $0.state.page(of: group, after: after, limit: limit, maximumBytes: maximumBytes) }
    }

    public var figures: PresenceFigures { shared.withLock { $0.state.figures } }

    // MARK: Time

    private func change(_ body: (inout PresenceState) -> Void) {
        let needsTimer = shared.withLock { shared in
            body(&shared.state)
            guard shared.state.isWaiting, !shared.isTimed else { return false }
            shared.isTimed = true
            return true
        }
        if needsTimer { setTimer() }
    }

    private func setTimer() {
        let (seconds, attoseconds) = Self.interval.components
        let wait = DispatchTimeInterval.milliseconds(Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
        queue.asyncAfter(deadline: .now() + wait) { [weak self] in self?.tick() }
    }

    /// One group at a time, so that nobody who joins waits long.
    private func tick() {
        let now = ContinuousClock.now
        while !shared.withLock({ $0.state.leaveDue(at: now, atMost: Self.leavesAtOnce) }) {}
        for group in shared.withLock({ $0.state.takeQueue() }) {
            guard let (update, watchers) = shared.withLock({ $0.state.takeUpdate(of: group) }) else { continue }
            for watcher in watchers { watcher.receive(update) }
        }
        let goesOn = shared.withLock { shared in
            shared.isTimed = shared.state.isWaiting
            return shared.isTimed
        }
        if goesOn { setTimer() }
    }
}
