import Testing

@testable import Broker

/// Groups whose members are sinks.
@Suite(.timeLimit(.minutes(1)))
struct SinkTests {
    let group: GroupName
    let other: GroupName
    let sink = RecordingSink()
    init() throws {
        group = try GroupName("test-group")
        other = try GroupName("other-group")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aSinkTakesMessagesAsTheyCome(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let channel = try ChannelName("channel")
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("1", "2", to: group)
        try bench.groupSend("elsewhere", to: other)
        #expect(sink.texts == ["1", "2"])
        #expect(sink.groups == [group, group])
        #expect(sink.countsAtEnds == [1, 2])
        #expect(try await bench.receive(2, from: channel) == ["1", "2"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func joiningAndLeavingTwiceIsTheSameAsOnce(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        bench.layer.groupDiscard(sink, from: group)
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(sink, to: group)
        try bench.groupSend("1", to: group)
        #expect(sink.texts == ["1"])
        bench.layer.groupDiscard(sink, from: group)
        bench.layer.groupDiscard(sink, from: group)
        try bench.groupSend("2", to: group)
        #expect(sink.texts == ["1"])
        #expect(bench.layer.groups.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all, [0, 1, 2, 3])
    func anySinkCanLeaveAndTheOthersStay(by subject: ChannelLayerSubject, leaving: Int) throws {
        let bench = subject.bench()
        let sinks = (0..<4).map { _ in RecordingSink() }
        for sink in sinks { bench.layer.groupAdd(sink, to: group) }
        bench.layer.groupDiscard(sinks[leaving], from: group)
        try bench.groupSend("1", to: group)
        #expect(sinks.map(\.texts.count) == (0..<4).map { $0 == leaving ? 0 : 1 })
        for sink in sinks { bench.layer.groupDiscard(sink, from: group) }
        #expect(bench.layer.groups.isEmpty)
    }

    /// A membership that expired would let a busy group fall silent after a day.
    @Test(arguments: ChannelLayerSubject.all)
    func theMembershipOfASinkNeverExpires(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(try ChannelName("channel"), to: group)
        bench.clock.advance(by: .seconds(10 * 86_400))
        try bench.groupSend("1", to: group)
        #expect(sink.texts == ["1"])
        #expect(bench.layer.groups[group]?.channels == [])
        #expect(bench.layer.groups[group]?.sinks.count == 1)
    }

    /// One wake-up for a batch, after all of it.
    @Test(arguments: ChannelLayerSubject.all)
    func aBatchEndsOnceForEachSinkThatGotSomething(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let (idle, late) = (RecordingSink(), RecordingSink())
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(sink, to: other)
        bench.layer.groupAdd(late, to: other)
        bench.layer.groupAdd(idle, to: try GroupName("quiet"))
        bench.layer.groupSend(contentsOf: [group, other, group, group].map { Message(group: $0, event: "e") })
        #expect(sink.groups == [group, other, group, group])
        #expect(sink.countsAtEnds == [4])
        #expect(late.countsAtEnds == [1])
        #expect(idle.countsAtEnds == [])
        bench.layer.groupSend(contentsOf: [])
        #expect(sink.countsAtEnds == [4])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aBatchEndsOnceForEachOfManySinks(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let sinks = (0..<100).map { _ in RecordingSink() }
        for sink in sinks {
            bench.layer.groupAdd(sink, to: group)
            bench.layer.groupAdd(sink, to: other)
        }
        bench.layer.groupSend(contentsOf: [group, other].map { Message(group: $0) })
        #expect(sinks.allSatisfy { $0.countsAtEnds == [2] })
    }

    /// The lock is released by then: calling the layer must not block for ever.
    @Test(arguments: ChannelLayerSubject.all)
    func aSinkMayCallTheLayerWhenDeliveriesEnd(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let channel = try ChannelName("channel")
        let sink = RecordingSink(whenDeliveriesEnd: { bench.layer.groupAdd(channel, to: other) })
        bench.layer.groupAdd(sink, to: group)
        try bench.groupSend("1", to: group)
        #expect(bench.layer.groups[other]?.channels == [channel])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aSinkLivesAsLongAsItIsAMemberAndMayCallTheLayerWhenItGoes(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let channel = try ChannelName("channel")
        let isGone = Flag()
        bench.layer.groupAdd(
            RecordingSink(whenGone: {
                bench.layer.groupDiscard(channel, from: other)
                isGone.raise()
            }),
            to: group
        )
        try bench.groupSend("1", to: group)
        bench.layer.flush()
        #expect(!isGone.isRaised)
        bench.layer.close()
        #expect(isGone.isRaised)
    }
}
