import Testing

@testable import Broker

/// Messages and memberships that come of age.
@Suite(.timeLimit(.minutes(1)))
struct ExpiryTests {
    let group: GroupName
    let channel: ChannelName
    init() throws {
        group = try GroupName("test-group")
        channel = try ChannelName("test-channel")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageExpiresAfterAMinuteByDefault(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        try bench.send("1", to: channel)
        bench.clock.advance(by: .seconds(60) - .nanoseconds(1))
        #expect(bench.layer.channels == [channel: 1])
        bench.clock.advance(by: .nanoseconds(1))
        #expect(bench.layer.channels.isEmpty)
        #expect(await bench.isEmpty(channel))
        #expect(bench.layer.counters.expired == 1)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func receiveNeverGivesAnExpiredMessage(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        try bench.send("1", "2", to: channel)
        bench.clock.advance(by: .seconds(40))
        try bench.send("3", to: channel)
        bench.clock.advance(by: .seconds(20))
        #expect(try await bench.receive(channel) == "3")
        #expect(await bench.isEmpty(channel))
    }

    @Test(arguments: ChannelLayerSubject.all)
    func messagesUnderTheirTimeAreAllThere(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(expiry: .seconds(3)))
        for text in ["1", "2", "3"] {
            try bench.send(text, to: channel)
            bench.clock.advance(by: .milliseconds(900))
        }
        #expect(try await bench.receive(3, from: channel) == ["1", "2", "3"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func anExpiredMessageGoesAlsoWhereNobodyReads(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let other = try ChannelName("other-channel")
        try bench.send("1", to: channel)
        bench.clock.advance(by: .seconds(60))
        try bench.send("2", to: other)
        #expect(bench.layer.counters.expired == 1)
        #expect(try await bench.receive(other) == "2")
        #expect(bench.layer.channels.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func eachMemberHasItsOwnTimes(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(expiry: .seconds(3)))
        let other = try ChannelName("other-channel")
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(other, to: group)
        try bench.send("0", to: channel)
        bench.clock.advance(by: .seconds(2))
        for text in ["1", "2", "3"] {
            try bench.groupSend(text, to: group)
            bench.clock.advance(by: .milliseconds(500))
        }
        for name in [channel, other] {
            #expect(try await bench.receive(3, from: name) == ["1", "2", "3"])
            #expect(await bench.isEmpty(name))
        }
    }

    /// Fault 3 of Channels' layer.
    @Test(arguments: ChannelLayerSubject.all)
    func anExpiredMessageDoesNotCountTowardsTheCapacity(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 2))
        try makeManyMessagesExpire(in: bench)
        try bench.send("1", to: channel)
        bench.clock.advance(by: .seconds(30))
        try bench.send("2", to: channel)
        expectError(.channelFull) { try bench.send("too much", to: channel) }
        bench.clock.advance(by: .seconds(30))
        try bench.send("3", to: channel)
        expectError(.channelFull) { try bench.send("too much", to: channel) }
        #expect(try await bench.receive(2, from: channel) == ["2", "3"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func anExpiredMessageDoesNotCountTowardsTheCapacityOfAMember(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 1))
        try makeManyMessagesExpire(in: bench)
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", to: group)
        bench.clock.advance(by: .seconds(60))
        try bench.groupSend("2", to: group)
        #expect(bench.layer.counters.dropped == 0)
        #expect(try await bench.receive(channel) == "2")
    }

    /// Fault 2 of Channels' layer.
    @Test(arguments: ChannelLayerSubject.all)
    func aChannelStaysInItsGroupsWhenAMessageExpires(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", to: group)
        bench.clock.advance(by: .seconds(60))
        #expect(await bench.isEmpty(channel))
        #expect(bench.layer.counters.expired == 1)
        try #require(bench.layer.groups[group]?.channels == [channel])
        try bench.groupSend("2", to: group)
        #expect(try await bench.receive(channel) == "2")
    }

    /// Messages that expire before those of the test, more than a layer clears away in passing: what happens then is due
    /// to the channel's own rules.
    private func makeManyMessagesExpire(in bench: ChannelLayerBench) throws {
        for number in 0..<100 { try bench.send("", to: try ChannelName("other-\(number)")) }
    }

    // MARK: Memberships

    @Test(arguments: ChannelLayerSubject.all)
    func aMembershipExpiresADayAfterTheLastGroupAdd(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let refreshed = try ChannelName("refreshed")
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(refreshed, to: group)
        bench.clock.advance(by: .seconds(43_200))
        bench.layer.groupAdd(refreshed, to: group)
        bench.clock.advance(by: .seconds(43_200) - .nanoseconds(1))
        try bench.groupSend("1", to: group)
        #expect(bench.layer.channels == [channel: 1, refreshed: 1])
        bench.clock.advance(by: .nanoseconds(1))
        try bench.groupSend("2", to: group)
        #expect(bench.layer.channels == [channel: 1, refreshed: 2])
        #expect(bench.layer.groups[group]?.channels == [refreshed])
        bench.clock.advance(by: .seconds(86_400))
        #expect(bench.layer.groups.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func membershipsOfOneChannelExpireOneByOne(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(groupExpiry: .seconds(10)))
        let other = try GroupName("other-group")
        bench.layer.groupAdd(channel, to: group)
        bench.clock.advance(by: .seconds(5))
        bench.layer.groupAdd(channel, to: other)
        bench.clock.advance(by: .seconds(5))
        try bench.groupSend("1", to: group)
        try bench.groupSend("2", to: other)
        #expect(try await bench.receive(channel) == "2")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func everyExpiredMemberIsPassedOverAtOnce(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        for number in 0..<1000 { bench.layer.groupAdd(try ChannelName("channel-\(number)"), to: group) }
        bench.clock.advance(by: .seconds(86_400))
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", to: group)
        #expect(bench.layer.channels == [channel: 1])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func forEverIsATimeLikeAnyOther(by subject: ChannelLayerSubject) async throws {
        let forEver = Duration.seconds(Int64.max)
        let bench = subject.bench(ChannelLayerConfiguration(expiry: forEver, groupExpiry: forEver))
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", to: group)
        bench.clock.advance(by: .seconds(50 * 365 * 86_400))
        try bench.groupSend("2", to: group)
        #expect(try await bench.receive(2, from: channel) == ["1", "2"])
    }

    @Test(arguments: ChannelLayerSubject.all, [Duration.zero, .seconds(-1)])
    func withNoTimeAtAllOnlyWaitingReadersGetAnything(by subject: ChannelLayerSubject, expiry: Duration) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(expiry: expiry))
        try bench.send("1", to: channel)
        let reader = try await bench.waitingReader(on: channel)
        try bench.send("2", to: channel)
        #expect(try await reader.value == "2")
    }
}
