/// Who follows which group, as a pure value: times are passed in, and what is to be told is taken out.
///
/// Each operation on one group and user takes about constant time, whoever else is there. It holds those with a connection,
/// and of those without one at most ``maximumLeaving``. Groups that nobody follows or watches are not kept.
struct PresenceState: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Leaver: Sendable {
        let group: GroupName
        let user: UserName
    }

    let delay: Duration
    /// Users who wait for their leaving, at most: some 200 bytes each, and what is shown with them.
    /// Beyond, the one who has waited longest leaves.
    let maximumLeaving: Int

    private var groups: [GroupName: PresentGroup] = [:]
    /// Those about to leave, in a place each.
    private var leavers = Slab<Leaver>()
    private var leaving = DeadlineList()
    /// Groups that have something to tell.
    private var queue: [GroupName] = []
    private var counted = PresenceFigures()

    init(delay: Duration, maximumLeaving: Int) {
        (self.delay, self.maximumLeaving) = (delay, maximumLeaving)
    }

    /// Whether time brings something.
    var isWaiting: Bool { !leaving.isEmpty || !queue.isEmpty }

    var figures: PresenceFigures {
        var figures = counted
        (figures.leaving, figures.groups) = (leaving.count, groups.count)
        return figures
    }

    // MARK: Coming and going

    mutating func join(_ group: GroupName, _ user: PresentUser?, at time: Timestamp) {
        if let user {
            let (place, isNew) = groups[group, default: PresentGroup()].join(user, since: time)
            if let place { release(place) }
            if isNew { counted.users += 1 }
        } else {
            groups[group, default: PresentGroup()].countAnonymous(1)
            counted.anonymous += 1
        }
        noteChange(of: group)
    }

    mutating func leave(_ group: GroupName, _ name: UserName?, at now: Instant) {
        guard let name else {
            guard groups[group].map({ $0.anonymous > 0 }) ?? false else { return }
            groups[group]?.countAnonymous(-1)
            counted.anonymous -= 1
            return noteChange(of: group)
        }
        guard groups[group]?.leave(name) ?? false else { return }
        guard delay > .zero, maximumLeaving > 0 else { return remove(name, from: group) }
        if leaving.count >= maximumLeaving, let earliest = leaving.first {
            counted.leftEarly += 1
            endLeaving(of: earliest)
        }
        let place = leavers.insert(Leaver(group: group, user: name))
        leaving.append(place, deadline: now + delay)
        groups[group]?.isLeaving(name, at: place)
    }

    /// Lets those leave whose time has come.
    ///
    /// - Returns: Whether that was all of them.
    mutating func leaveDue(at now: Instant, atMost limit: Int) -> Bool {
        for _ in 0..<limit {
            guard let place = leaving.firstDue(at: now) else { return true }
            endLeaving(of: place)
        }
        return leaving.firstDue(at: now) == nil
    }

    private mutating func endLeaving(of place: Int) {
        let leaver = leavers[place]
        release(place)
        remove(leaver.user, from: leaver.group)
    }

    private mutating func release(_ place: Int) {
        leaving.remove(place)
        // What it holds is let go with it.
        leavers[place] = Leaver(group: leavers[place].group, user: UserName(""))
        leavers.release(place)
    }

    private mutating func remove(_ name: UserName, from group: GroupName) {
        groups[group]?.remove(name)
        counted.users -= 1
        noteChange(of: group)
    }

    private mutating func noteChange(of group: GroupName) {
        guard let found = groups[group] else { return }
        if found.isEmpty { groups[group] = nil } else if found.hasNews, !found.isQueued { enqueue(group) }
    }

    private mutating func enqueue(_ group: GroupName) {
        groups[group]?.isQueued = true
        queue.append(group)
    }

    // MARK: Telling

    mutating func watch(_ group: GroupName, _ watcher: any PresenceWatcher) {
        groups[group, default: PresentGroup()].add(watcher)
        noteChange(of: group)
    }

    mutating func unwatch(_ group: GroupName, _ watcher: any PresenceWatcher) {
        guard groups[group]?.remove(watcher) ?? false else { return }
        noteChange(of: group)
    }

    mutating func requestState(of group: GroupName) {
        groups[group]?.requestState()
        noteChange(of: group)
    }

    /// The groups that have something to tell. What changes from now on waits for the next turn.
    mutating func takeQueue() -> [GroupName] {
        defer { queue = [] }
        return queue
    }

    /// What a group of ``takeQueue()`` has to tell, and to whom.
    mutating func takeUpdate(of group: GroupName) -> (update: PresenceUpdate, watchers: [any PresenceWatcher])? {
        guard groups[group]?.isQueued ?? false else { return nil }
        groups[group]?.isQueued = false
        guard let (update, changes) = groups[group]?.takeUpdate(of: group) else { return nil }
        counted.coalesced += max(0, update?.difference == nil ? changes : changes - 1)
        guard let update, let watchers = groups[group]?.watchers else { return nil }
        return (update, Array(watchers.values))
    }

    func page(of group: GroupName, after: UserName?, limit: Int, maximumBytes: Int) -> PresencePage {
        groups[group]?.page(after: after, limit: limit, maximumBytes: maximumBytes)
            ?? PresencePage(count: 0, users: [], hasMore: false)
    }
}
