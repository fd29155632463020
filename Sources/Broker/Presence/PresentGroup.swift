import NIOCore

/// Who follows one group.
struct PresentGroup: Sendable {
    struct User: Sendable {
        var info: ByteBuffer?
        var connections = 1
        let since: Timestamp
        /// Its place among those about to leave.
        var leaving: Int?
    }

    private(set) var users: [UserName: User] = [:]
    private var names = SortedNames()
    /// Connections of nobody who is known.
    private(set) var anonymous = 0
    private(set) var watchers: [ObjectIdentifier: any PresenceWatcher] = [:]
    private var changes = PresenceChanges()
    /// The count that was told last.
    private var toldCount = 0
    private var wantsState = false
    /// Whether it waits for its turn to be told.
    var isQueued = false

    var count: Int { users.count + anonymous }
    var isEmpty: Bool { users.isEmpty && anonymous == 0 && watchers.isEmpty }
    var hasNews: Bool { wantsState || changes.noted > 0 }
    private var isWatched: Bool { !watchers.isEmpty }

    // MARK: Coming and going

    mutating func countAnonymous(_ change: Int) {
        anonymous += change
        if isWatched { changes.counted() }
    }

    /// - Returns: The place that the user had among those about to leave; and whether it is new.
    mutating func join(_ user: PresentUser, since: Timestamp) -> (place: Int?, isNew: Bool) {
        guard let known = users[user.name] else {
            users[user.name] = User(info: user.info, since: since)
            names.insert(user.name)
            if isWatched { changes.appeared(user) }
            return (nil, true)
        }
        if known.info != user.info {
            users[user.name]?.info = user.info
            if isWatched { changes.renewed(user.name) }
        }
        users[user.name]?.connections += 1
        users[user.name]?.leaving = nil
        return (known.leaving, false)
    }

    /// - Returns: Whether that was the user's last connection.
    mutating func leave(_ name: UserName) -> Bool {
        guard let connections = users[name]?.connections, connections > 0 else { return false }
        users[name]?.connections = connections - 1
        return connections == 1
    }

    mutating func isLeaving(_ name: UserName, at place: Int) {
        users[name]?.leaving = place
    }

    mutating func remove(_ name: UserName) {
        guard let user = users.removeValue(forKey: name) else { return }
        names.remove(name)
        if isWatched { changes.vanished(PresentUser(name: name, info: user.info)) }
    }

    // MARK: Telling

    mutating func add(_ watcher: any PresenceWatcher) {
        watchers[ObjectIdentifier(watcher)] = watcher
        wantsState = true
    }

    /// - Returns: Whether it was there.
    mutating func remove(_ watcher: any PresenceWatcher) -> Bool {
        guard watchers.removeValue(forKey: ObjectIdentifier(watcher)) != nil else { return false }
        if watchers.isEmpty { (changes, wantsState) = (PresenceChanges(), false) }
        return true
    }

    mutating func requestState() {
        if isWatched { wantsState = true }
    }

    /// What is to be told now, and how many changes are in it.
    mutating func takeUpdate(of group: GroupName) -> (update: PresenceUpdate?, changes: Int) {
        defer { (changes, toldCount, wantsState) = (PresenceChanges(), count, false) }
        // Where it is told for the first time, nobody has had a count to compare with.
        let hasChanged = !changes.isEmpty || (changes.noted > 0 && toldCount != count)
        guard isWatched, hasChanged || wantsState else { return (nil, changes.noted) }
        let update = PresenceUpdate(
            group: group,
            count: count,
            difference: hasChanged ? changes.difference { users[$0]?.info } : nil,
            state: wantsState ? state : nil
        )
        return (update, changes.noted)
    }

    private var state: PresenceUpdate.State {
        let page = page(after: nil, limit: PresenceUpdate.maximumShown, maximumBytes: .max)
        return PresenceUpdate.State(users: page.users.map(\.user), hasMore: page.hasMore)
    }

    func page(after: UserName?, limit: Int, maximumBytes: Int) -> PresencePage {
        var entries: [PresencePage.Entry] = []
        var (bytes, hasMore) = (0, false)
        names.forEach(after: after) { name in
            guard let user = users[name] else { return true }
            bytes += name.description.utf8.count + (user.info?.readableBytes ?? 0)
            guard entries.count < limit, entries.isEmpty || bytes <= maximumBytes else {
                hasMore = true
                return false
            }
            entries.append(
                PresencePage.Entry(
                    user: PresentUser(name: name, info: user.info),
                    connections: user.connections,
                    since: user.since
                )
            )
            return true
        }
        return PresencePage(count: count, users: entries, hasMore: hasMore)
    }
}
