import Testing

@testable import Broker

/// Groups whose members are channels.
@Suite(.timeLimit(.minutes(1)))
struct GroupTests {
    let group: GroupName
    let channel: ChannelName
    init() throws {
        group = try GroupName("test-group")
        channel = try ChannelName("test-channel")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func everyMemberGetsTheMessage(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let names = try (0..<3).map { try bench.layer.newChannel(prefix: "test-gr-chan-\($0)") }
        for name in names { bench.layer.groupAdd(name, to: group) }
        bench.layer.groupDiscard(names[1], from: group)
        try bench.groupSend("1", "2", to: group)
        #expect(try await bench.receive(2, from: names[0]) == ["1", "2"])
        #expect(try await bench.receive(2, from: names[2]) == ["1", "2"])
        #expect(await bench.isEmpty(names[1]))
    }

    @Test(arguments: ChannelLayerSubject.all)
    func channelsWithTheSamePrefixAreDifferentMembers(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let names = try (0..<3).map { _ in try bench.layer.newChannel(prefix: "test-gr-chan") }
        for name in names { bench.layer.groupAdd(name, to: group) }
        try bench.groupSend("1", to: group)
        #expect(try await names.asyncMap { try await bench.receive($0) } == ["1", "1", "1"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func waitingReadersOfAllMembersAreWoken(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let names = try (0..<100).map { try ChannelName("channel-\($0)") }
        for name in names { bench.layer.groupAdd(name, to: group) }
        let readers = try await names.asyncMap { try await bench.waitingReader(on: $0) }
        try bench.groupSend("1", to: group)
        #expect(try await readers.asyncMap { try await $0.value } == names.map { _ in "1" })
    }

    @Test(arguments: ChannelLayerSubject.all)
    func joiningAndLeavingTwiceIsTheSameAsOnce(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        bench.layer.groupDiscard(channel, from: group)
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", to: group)
        #expect(bench.layer.channels == [channel: 1])
        bench.layer.groupDiscard(channel, from: group)
        bench.layer.groupDiscard(channel, from: group)
        try bench.groupSend("2", to: group)
        #expect(bench.layer.channels == [channel: 1])
        #expect(bench.layer.groups.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aGroupThatNobodyIsInTakesMessagesToNowhere(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        for number in 0..<200 { try bench.groupSend("\(number)", to: try GroupName("group-\(number)")) }
        #expect(bench.layer.channels.isEmpty)
        #expect(bench.layer.groups.isEmpty)
        #expect(bench.layer.counters.delivered == 0)
    }

    /// From plain functions, again and again (channels_redis tests it for `async_to_sync`).
    @Test(arguments: ChannelLayerSubject.all)
    func plainFunctionsCanSend(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        bench.layer.groupAdd(channel, to: group)
        for number in 0..<100 { try bench.groupSend("\(number)", to: group) }
        #expect(bench.layer.channels == [channel: 100])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageCanBeReadAsSoonAsItIsSent(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let names = try (0..<50).map { try ChannelName("channel-\($0)") }
        for name in names { bench.layer.groupAdd(name, to: group) }
        try bench.groupSend("1", to: group)
        #expect(bench.layer.channels == Dictionary(uniqueKeysWithValues: names.map { ($0, 1) }))
    }

    // MARK: Full members

    @Test(arguments: ChannelLayerSubject.all)
    func aFullMemberMissesTheMessageAndNobodyElseDoes(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 3))
        let other = try ChannelName("other-channel")
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(other, to: group)
        try bench.send("0", to: channel)
        try bench.groupSend("1", "2", "3", to: group)
        #expect(bench.layer.counters.dropped == 1)
        #expect(try await bench.receive(3, from: other) == ["1", "2", "3"])
        #expect(try await bench.receive(3, from: channel) == ["0", "1", "2"])
        #expect(await bench.isEmpty(channel))
        try bench.groupSend("4", to: group)
        #expect(try await bench.receive(channel) == "4")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func patternsHoldForMembersToo(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(channelCapacity: [.init("test-*", 0)]))
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", "2", to: group)
        #expect(bench.layer.counters.dropped == 2)
        #expect(bench.layer.channels.isEmpty)
        #expect(bench.layer.groups[group]?.channels == [channel])
    }

    // MARK: Batches

    @Test(arguments: ChannelLayerSubject.all)
    func aBatchReachesEachGroupInOrder(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let other = try GroupName("other-group")
        let names = try (0..<3).map { try ChannelName("channel-\($0)") }
        bench.layer.groupAdd(names[0], to: group)
        bench.layer.groupAdd(names[1], to: group)
        bench.layer.groupAdd(names[1], to: other)
        bench.layer.groupAdd(names[2], to: other)
        let reader = try await bench.waitingReader(on: names[0])
        bench.layer.groupSend(contentsOf: [
            Message(group: group, event: "1"), Message(group: other, event: "2"), Message(event: "to nobody"),
            Message(group: try GroupName("unknown"), event: "to nobody"), Message(group: group, event: "3"),
        ])
        _ = try await reader.value
        let events = try await [names[0], names[1], names[1], names[1], names[2]].asyncMap {
            try await bench.layer.receive($0).event
        }
        #expect(events == ["3", "1", "2", "3", "2"])
        #expect(bench.layer.channels.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aBatchIsNotHeldToTheSizeLimit(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(maximumMessageSize: 1))
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupSend(contentsOf: [Message(group: group, event: "longer than one byte")])
        #expect(try await bench.layer.receive(channel).event == "longer than one byte")
    }
}
