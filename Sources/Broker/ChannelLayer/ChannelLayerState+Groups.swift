extension ChannelLayerState {
    // MARK: Joining and leaving

    mutating func groupAdd(_ channel: ChannelName, to group: GroupName, now: Now) {
        guard !isClosed else { return }
        let now = now()
        sweep(at: now)
        let (groupPlace, channelPlace) = (place(of: group), place(of: channel))
        let key = MembershipKey(group: groupPlace, channel: channelPlace)
        let membership = membershipPlaces[key] ?? addMembership(key)
        membershipDeadlines.append(membership, deadline: now.advanced(by: groupExpiry))
    }

    private mutating func addMembership(_ key: MembershipKey) -> Int {
        let place = memberships.insert(
            Membership(
                group: key.group,
                channel: key.channel,
                indexInGroup: groupSlab[key.group].channels.count,
                indexInChannel: queues[key.channel].memberships.count
            )
        )
        groupSlab[key.group].channels.append(Group.Channel(channel: key.channel, membership: place))
        queues[key.channel].memberships.append(place)
        membershipPlaces[key] = place
        return place
    }

    mutating func groupDiscard(_ channel: ChannelName, from group: GroupName) {
        guard let groupPlace = groupPlaces[group], let channelPlace = queuePlaces[channel],
            let membership = membershipPlaces[MembershipKey(group: groupPlace, channel: channelPlace)]
        else { return }
        removeMembership(membership)
    }

    /// Takes a channel out of a group, in constant time: the last in each of the two lists takes the place of the one
    /// that goes. An emptied group, and a channel that nothing else holds, go with it.
    mutating func removeMembership(_ place: Int) {
        let gone = memberships[place]
        membershipDeadlines.remove(place)
        membershipPlaces[MembershipKey(group: gone.group, channel: gone.channel)] = nil

        let lastInGroup = groupSlab[gone.group].channels.count - 1
        groupSlab[gone.group].channels.swapAt(gone.indexInGroup, lastInGroup)
        memberships[groupSlab[gone.group].channels[gone.indexInGroup].membership].indexInGroup = gone.indexInGroup
        groupSlab[gone.group].channels.removeLast()

        let lastInChannel = queues[gone.channel].memberships.count - 1
        queues[gone.channel].memberships.swapAt(gone.indexInChannel, lastInChannel)
        memberships[queues[gone.channel].memberships[gone.indexInChannel]].indexInChannel = gone.indexInChannel
        queues[gone.channel].memberships.removeLast()

        memberships.release(place)
        releaseIfEmpty(gone.group)
        settle(gone.channel)
    }

    /// - Returns: Whether the layer takes it: false once it is closed.
    mutating func groupAdd(_ sink: any ChannelSink, to topic: Topic) -> Bool {
        guard !isClosed else { return false }
        switch topic {
        case .group(let group): groupAdd(sink, to: group)
        case .pattern(let pattern): patterns.add(sink, pattern)
        }
        return true
    }

    mutating func groupDiscard(_ sink: any ChannelSink, from topic: Topic) {
        switch topic {
        case .group(let group): groupDiscard(sink, from: group)
        case .pattern(let pattern): patterns.remove(sink, pattern)
        }
    }

    mutating func groupAdd(_ sink: any ChannelSink, to group: GroupName) {
        let place = place(of: group)
        let key = SinkKey(group: place, sink: ObjectIdentifier(sink))
        guard sinkIndices[key] == nil else { return }
        sinkIndices[key] = groupSlab[place].sinks.count
        groupSlab[place].sinks.append(sink)
    }

    private mutating func groupDiscard(_ sink: any ChannelSink, from group: GroupName) {
        guard let place = groupPlaces[group],
            let index = sinkIndices.removeValue(forKey: SinkKey(group: place, sink: ObjectIdentifier(sink)))
        else { return }
        let last = groupSlab[place].sinks.removeLast()
        if last !== sink {
            groupSlab[place].sinks[index] = last
            sinkIndices[SinkKey(group: place, sink: ObjectIdentifier(last))] = index
        }
        releaseIfEmpty(place)
    }

    private mutating func place(of group: GroupName) -> Int {
        if let place = groupPlaces[group] { return place }
        let place = groupSlab.insert(Group(name: group))
        groupPlaces[group] = place
        return place
    }

    private mutating func releaseIfEmpty(_ place: Int) {
        guard groupSlab[place].isEmpty else { return }
        let name = groupSlab[place].name
        groupPlaces[name] = nil
        groupSlab[place] = Group(name: name)
        groupSlab.release(place)
    }

    // MARK: Sending

    /// What a `groupSend` leaves to do.
    struct GroupSendAction: Sendable {
        /// The sinks to tell that it is over, each once.
        var sinks: [any ChannelSink] = []
        var wakeUps: [ReaderWakeUp] = []
    }

    /// Nil: refused, since the layer is closed.
    mutating func groupSend(_ message: Message, to group: GroupName, now: Now) -> GroupSendAction? {
        guard !isClosed else { return nil }
        var action = GroupSendAction()
        counters.sent += 1
        sweepIfNeeded(now)
        let place = groupPlaces[group]
        // The list itself, which costs a reference count and no allocation.
        action.sinks = sinks(of: place, group)
        deliver(message, to: action.sinks, group)
        guard let place else { return action }
        deliver(message, toChannelsOf: place, now, &action.wakeUps)
        return action
    }

    mutating func groupSend(contentsOf messages: [Message], now: Now) -> GroupSendAction {
        var action = GroupSendAction()
        guard !isClosed else { return action }
        var sinks = DistinctSinks()
        for message in messages {
            guard let group = message.group else { continue }
            counters.sent += 1
            sweepIfNeeded(now)
            let place = groupPlaces[group]
            guard place != nil || !patterns.isEmpty else { continue }
            let members = self.sinks(of: place, group)
            deliver(message, to: members, group)
            sinks.insert(members)
            guard let place else { continue }
            deliver(message, toChannelsOf: place, now, &action.wakeUps)
        }
        action.sinks = sinks.list
        return action
    }

    /// Those of the group, and those that follow a pattern which matches it, each once.
    private mutating func sinks(of place: Int?, _ group: GroupName) -> [any ChannelSink] {
        let members = place.map { groupSlab[$0].sinks } ?? []
        return patterns.isEmpty ? members : patterns.adding(to: members, for: group)
    }

    private mutating func deliver(_ message: Message, to sinks: [any ChannelSink], _ group: GroupName) {
        for sink in sinks {
            sink.receive(message, in: group)
        }
        counters.delivered += UInt64(sinks.count)
    }

    private mutating func deliver(
        _ message: Message,
        toChannelsOf place: Int,
        _ now: Now,
        _ wakeUps: inout [ReaderWakeUp]
    ) {
        let members = groupSlab[place].channels
        guard !members.isEmpty else { return }
        let now = now()
        // Expired memberships can be left only where the sweep did not come to an end.
        let someAreExpired = membershipDeadlines.firstDue(at: now) != nil
        for member in members {
            if someAreExpired, membershipDeadlines.isDue(member.membership, at: now) { continue }
            switch enqueue(message, in: member.channel, at: now) {
            case .full:
                counters.dropped += 1
            case .queued:
                settle(member.channel)
            case .handedOver(let reader):
                wakeUps.append(reader)
            }
        }
        sweep(at: now, steps: 2 * members.count)
    }

    private mutating func sweepIfNeeded(_ now: Now) {
        if hasDeadlines { sweep(at: now()) }
    }
}

/// Sinks in the order in which they came, each once.
struct DistinctSinks {
    private(set) var list: [any ChannelSink] = []
    private var seen: Set<ObjectIdentifier> = []
    /// Up to here, comparing references is quicker than hashing, and costs no allocation. A sink for each event loop is
    /// what there is in practice.
    private let mostToCompare = 16

    mutating func insert(_ sinks: [any ChannelSink]) {
        for sink in sinks where !contains(sink) {
            list.append(sink)
            if list.count > mostToCompare {
                if seen.isEmpty { seen = Set(list.map(ObjectIdentifier.init)) }
                seen.insert(ObjectIdentifier(sink))
            }
        }
    }

    private func contains(_ sink: any ChannelSink) -> Bool {
        list.count > mostToCompare ? seen.contains(ObjectIdentifier(sink)) : list.contains { $0 === sink }
    }
}
