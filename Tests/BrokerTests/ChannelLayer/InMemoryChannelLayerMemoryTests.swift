import NIOCore
import Testing

@testable import Broker

/// What the layer holds in memory, and what a `groupSend` costs.
@Suite(.timeLimit(.minutes(1)))
struct InMemoryChannelLayerMemoryTests {
    private typealias Footprint = ChannelLayerState.Footprint

    private let clock = ManualClock()
    private let layer: InMemoryChannelLayer
    private let group: GroupName

    init() throws {
        layer = InMemoryChannelLayer(now: clock.now)
        group = try GroupName("group")
    }

    /// A new channel for each request, and nobody ever reads: no more is held than came within two times to live.
    @Test func channelsThatNobodyReadsGoAway() throws {
        var most = Footprint()
        for _ in 0..<20_000 {
            try layer.send(Message(), to: layer.newChannel())
            clock.advance(by: .milliseconds(600))
            most.channels = max(most.channels, layer.footprint.channels)
        }
        #expect((100...200).contains(most.channels))
        #expect(layer.footprint.unreadMessages == layer.footprint.channels)
    }

    @Test func aChannelThatWasReadIsGoneAtOnce() async throws {
        for _ in 0..<1000 {
            let name = try layer.newChannel()
            try layer.send(Message(), to: name)
            _ = try await layer.receive(name)
        }
        #expect(layer.footprint == Footprint())
    }

    @Test func aChannelThatWasWaitedForIsGoneAtOnce() async throws {
        let bench = ChannelLayerSubject.inMemory.bench()
        for round in 0..<1000 {
            let name = try bench.layer.newChannel()
            let reader = try await bench.waitingReader(on: name)
            if round.isMultiple(of: 2) { try bench.send("", to: name) } else { reader.cancel() }
            _ = await reader.result
        }
        #expect((bench.layer as? InMemoryChannelLayer)?.footprint == Footprint())
    }

    /// Fault 4 of Channels' layer (channels #933).
    @Test func emptiedGroupsAndTheirChannelsGoAway() throws {
        let sink = RecordingSink()
        for number in 0..<1000 {
            let (group, channel) = (try GroupName("group-\(number)"), try layer.newChannel())
            layer.groupAdd(channel, to: group)
            layer.groupAdd(sink, to: group)
            layer.groupDiscard(channel, from: group)
            layer.groupDiscard(sink, from: group)
        }
        #expect(layer.footprint == Footprint())
    }

    /// Fault 4: whoever goes away without leaving its groups is gone after a day.
    @Test func membershipsThatNobodyRefreshesGoAway() throws {
        for number in 0..<5000 {
            layer.groupAdd(try layer.newChannel(), to: try GroupName("group-\(number)"))
            clock.advance(by: .seconds(864))
        }
        let footprint = layer.footprint
        #expect(footprint.channelMemberships <= 101)
        #expect(footprint.groups <= 101)
        #expect(footprint.channels <= 101)
    }

    /// Many channels that nobody reads, in a busy group: neither memory nor time goes on growing.
    @Test func aBusyGroupClearsItsMembers() throws {
        for _ in 0..<100 { layer.groupAdd(try layer.newChannel(), to: group) }
        for _ in 0..<2000 {
            try layer.groupSend(Message(), to: group)
            clock.advance(by: .seconds(10))
        }
        #expect(layer.footprint.unreadMessages == 600)
        layer.groupAdd(RecordingSink(), to: group)
        clock.advance(by: .seconds(60))
        for _ in 0..<50 { try layer.groupSend(Message(), to: try GroupName("nobody")) }
        #expect(layer.footprint.unreadMessages == 0)
        #expect(layer.counters.expired == 200_000)
        clock.advance(by: .seconds(86_400))
        for _ in 0..<50 { try layer.groupSend(Message(), to: group) }
        #expect(layer.footprint == Footprint(groups: 1, sinkMemberships: 1))
    }

    @Test func whoComesAndGoesAllDayLeavesNothingBehind() throws {
        let channel = try layer.newChannel()
        layer.groupAdd(RecordingSink(), to: group)
        for _ in 0..<10_000 {
            layer.groupAdd(channel, to: group)
            layer.groupAdd(channel, to: group)
            layer.groupDiscard(channel, from: group)
        }
        #expect(layer.footprint == Footprint(groups: 1, sinkMemberships: 1))
    }

    @Test func anySequenceOfMembershipsLeavesTheListsTrue() throws {
        let channels = try (0..<7).map { try ChannelName("channel-\($0)") }
        let groups = try (0..<5).map { try GroupName("group-\($0)") }
        var expected: [GroupName: Set<ChannelName>] = [:]
        var number: UInt64 = 1
        for _ in 0..<5000 {
            number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let (channel, group) = (channels[Int(number >> 40) % 7], groups[Int(number >> 48) % 5])
            switch (number >> 33) % 9 {
            case 0...3:
                layer.groupAdd(channel, to: group)
                expected[group, default: []].insert(channel)
            case 4...7:
                layer.groupDiscard(channel, from: group)
                expected[group]?.remove(channel)
            default:
                layer.removeChannel(channel)
                for group in groups { expected[group]?.remove(channel) }
            }
            #expect(layer.groups.mapValues { Set($0.channels) } == expected.filter { !$0.value.isEmpty })
        }
        for channel in channels { layer.removeChannel(channel) }
        #expect(layer.footprint == Footprint())
    }

    // MARK: Cost

    /// Fault 7 of Channels' layer: one deep copy for each member.
    @Test func allMembersShareTheBytes() async throws {
        let channels = try (0..<10).map { _ in try layer.newChannel() }
        for channel in channels { layer.groupAdd(channel, to: group) }
        let message = Message(data: ByteBuffer(repeating: 1, count: 100_000))
        func address(of message: Message) -> UInt {
            message.data.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        }
        try layer.groupSend(message, to: group)
        for channel in channels {
            #expect(try await address(of: layer.receive(channel)) == address(of: message))
        }
    }

    /// Fault 7: one scan of everything for each member. Where other channels were looked at, the cost would grow a
    /// thousandfold here; half of them are left as room for a busy machine.
    @Test func aSendCostsNothingForWhatIsNotInTheGroup() throws {
        let sink = RecordingSink()
        let channel = try layer.newChannel()
        layer.groupAdd(channel, to: group)
        layer.groupAdd(sink, to: group)
        func timeOfSends() throws -> Duration {
            try (0..<5).map { _ in
                try ContinuousClock().measure {
                    for _ in 0..<500 { try layer.groupSend(Message(), to: group) }
                }
            }.min() ?? .zero
        }
        let alone = try timeOfSends()
        for number in 0..<20_000 {
            let channel = try layer.newChannel()
            try layer.send(Message(), to: channel)
            layer.groupAdd(channel, to: try GroupName("group-\(number % 1000)"))
        }
        #expect(try timeOfSends() < alone * 50)
    }
}
