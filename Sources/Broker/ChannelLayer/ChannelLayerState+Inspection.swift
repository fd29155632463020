extension ChannelLayerState {
    mutating func unreadCounts(now: Now) -> [ChannelName: Int] {
        let now = now()
        var counts: [ChannelName: Int] = [:]
        for (name, place) in queuePlaces where queues[place].unreadCount > 0 {
            counters.expired += UInt64(queues[place].dropExpired(at: now))
            let count = queues[place].unreadCount
            if count > 0 { counts[name] = count }
            settle(place)
        }
        return counts
    }

    mutating func groupMembers(now: Now) -> [GroupName: GroupMembers] {
        let now = now()
        while let place = membershipDeadlines.firstDue(at: now) {
            removeMembership(place)
        }
        return groupPlaces.mapValues { place in
            GroupMembers(
                channels: groupSlab[place].channels.map { queues[$0.channel].name }.sorted(),
                sinks: groupSlab[place].sinks
            )
        }
    }

    /// How much is held in memory, as it is: nothing is cleaned up to tell.
    struct Footprint: Equatable, Sendable {
        var channels = 0
        var unreadMessages = 0
        var waitingReaders = 0
        var groups = 0
        var channelMemberships = 0
        var sinkMemberships = 0
    }

    var footprint: Footprint {
        Footprint(
            channels: max(queues.count, queuePlaces.count),
            unreadMessages: queuePlaces.values.reduce(0) { $0 + queues[$1].unreadCount },
            waitingReaders: queuePlaces.values.reduce(0) { $0 + queues[$1].waitingCount },
            groups: max(groupSlab.count, groupPlaces.count),
            channelMemberships: max(memberships.count, membershipPlaces.count, membershipDeadlines.count),
            sinkMemberships: sinkIndices.count + patterns.count
        )
    }

    /// How many calls of `receive` wait for a channel.
    func waitingReaders(of channel: ChannelName) -> Int {
        queuePlaces[channel].map { queues[$0].waitingCount } ?? 0
    }
}
