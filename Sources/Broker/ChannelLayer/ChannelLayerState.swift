/// What an ``InMemoryChannelLayer`` knows, as a pure state machine: one method for each event, which returns what is to
/// be done once the lock is released.
///
/// Names are hashed once, where a caller comes in with one. Inside, a channel, a group and a membership are places in
/// slabs, so that a `groupSend` touches its members and nothing else.
///
/// **Cleaning up.** Nothing runs in the background. Each operation takes a few steps of the work that is due, at least as
/// many as it can have caused: expired messages are gone after at most twice their time to live, and memberships of
/// channels right when they expire, as long as anything is called. What an operation looks at itself is always exact.
struct ChannelLayerState: Sendable {
    /// A channel's membership in a group, with where to find it in the lists of both.
    struct Membership: Sendable {
        let group: Int
        let channel: Int
        var indexInGroup: Int
        var indexInChannel: Int
    }

    struct Group: Sendable {
        struct Channel: Sendable {
            let channel: Int
            let membership: Int
        }

        let name: GroupName
        var channels: [Channel] = []
        var sinks: [any ChannelSink] = []

        var isEmpty: Bool { channels.isEmpty && sinks.isEmpty }
    }

    struct MembershipKey: Hashable, Sendable {
        let group: Int
        let channel: Int
    }

    struct SinkKey: Hashable, Sendable {
        let group: Int
        let sink: ObjectIdentifier
    }

    let configuration: ChannelLayerConfiguration
    let expiry: Duration
    let groupExpiry: Duration
    var counters = ChannelLayerCounters()
    var isClosed = false
    /// Never reset, so that a `receive` that goes on after a flush cannot be taken for another.
    var lastReader: UInt64 = 0
    var lastOrder: UInt64 = 0

    var queues = Slab<ChannelQueue>()
    var queuePlaces: [ChannelName: Int] = [:]
    /// The channels with unread messages, by when to look at them: the deadline of the first message when the channel was
    /// put here, so never too late by more than the time to live of a message.
    var unread = DeadlineList()

    var groupSlab = Slab<Group>()
    var groupPlaces: [GroupName: Int] = [:]
    var memberships = Slab<Membership>()
    var membershipPlaces: [MembershipKey: Int] = [:]
    var membershipDeadlines = DeadlineList()
    /// The index of a sink in its group's list.
    var sinkIndices: [SinkKey: Int] = [:]
    /// Those that follow patterns.
    var patterns = PatternSinks()

    init(configuration: ChannelLayerConfiguration) {
        // An instant plus a duration traps on overflow; "for ever" must be a setting like any other.
        let longest = Duration.seconds(100 * 365 * 86_400)
        self.configuration = configuration
        expiry = min(max(configuration.expiry, .zero), longest)
        groupExpiry = min(max(configuration.groupExpiry, .zero), longest)
    }

    // MARK: Emptying

    /// What a flush or a close leaves to do.
    struct Emptied: Sendable {
        let wakeUps: [ReaderWakeUp]
        /// Those to tell that the layer is closed, each once.
        var closedSinks: [any ChannelSink] = []
    }

    mutating func flush() -> Emptied {
        let sinks = groupPlaces.values.map { (name: groupSlab[$0].name, sinks: groupSlab[$0].sinks) }
        let emptied = empty(endsWaiting: false)
        // The memberships of sinks stay: those who follow a group through one could not tell that they are cut off.
        for group in sinks { for sink in group.sinks { groupAdd(sink, to: group.name) } }
        return emptied
    }

    mutating func close() -> Emptied {
        isClosed = true
        var sinks = DistinctSinks()
        for place in groupPlaces.values { sinks.insert(groupSlab[place].sinks) }
        sinks.insert(patterns.all)
        patterns = PatternSinks()
        var emptied = empty(endsWaiting: true)
        emptied.closedSinks = sinks.list
        return emptied
    }

    private mutating func empty(endsWaiting: Bool) -> Emptied {
        var wakeUps: [ReaderWakeUp] = []
        var kept: [ChannelQueue] = []
        for place in queuePlaces.values where queues[place].hasReaders {
            queues[place].clear()
            queues[place].memberships = []
            if endsWaiting { wakeUps += queues[place].endWaiting() }
            if queues[place].hasReaders { kept.append(queues[place]) }
        }
        queues = Slab()
        queuePlaces = [:]
        unread = DeadlineList()
        groupSlab = Slab()
        groupPlaces = [:]
        memberships = Slab()
        membershipPlaces = [:]
        membershipDeadlines = DeadlineList()
        sinkIndices = [:]
        for queue in kept {
            queuePlaces[queue.name] = queues.insert(queue)
        }
        return Emptied(wakeUps: wakeUps)
    }

    // MARK: Sweeping

    /// Whether anything is there that can expire. If not, an operation need not even read the clock.
    var hasDeadlines: Bool { !unread.isEmpty || !membershipDeadlines.isEmpty }

    /// Removes some of what is due. Two steps for each deadline that the operation can have added keep up with any load.
    mutating func sweep(at now: ContinuousClock.Instant, steps: Int = 2) {
        for _ in 0..<steps {
            guard let place = unread.firstDue(at: now) else { break }
            // The channel's memberships stay: one that was slow once is not thrown out of its groups.
            counters.expired += UInt64(queues[place].dropExpired(at: now))
            if queues[place].unreadCount > 0 {
                unread.append(place, deadline: now.advanced(by: expiry))
            } else {
                settle(place)
            }
        }
        for _ in 0..<steps {
            guard let place = membershipDeadlines.firstDue(at: now) else { break }
            removeMembership(place)
        }
    }

    /// To be called after any change to a channel, as the last thing: keeps the list of channels with unread messages
    /// true, and lets go of a channel that nothing holds any more.
    mutating func settle(_ place: Int) {
        if queues[place].unreadCount == 0 {
            unread.remove(place)
            if queues[place].isUnused { release(place) }
        } else if !unread.contains(place), let deadline = queues[place].firstDeadline {
            unread.append(place, deadline: deadline)
        }
    }

    private mutating func release(_ place: Int) {
        let name = queues[place].name
        queuePlaces[name] = nil
        // The place may lie unused for long: let it hold no more than the name.
        queues[place] = ChannelQueue(name: name, capacity: 0)
        queues.release(place)
    }
}
