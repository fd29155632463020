import NIOCore
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
                bench.layer.groupAdd(channel, to: other)
                isGone.raise()
            }),
            to: group
        )
        try bench.groupSend("1", to: group)
        #expect(!isGone.isRaised)
        bench.layer.close()
        #expect(isGone.isRaised)
    }

    /// Trap 18: whoever follows a group through a sink cannot tell that it was cut off.
    @Test(arguments: ChannelLayerSubject.all)
    func aSinkStaysAMemberThroughAFlush(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let second = RecordingSink()
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(sink, to: other)
        bench.layer.groupAdd(second, to: group)
        bench.layer.groupAdd(try ChannelName("channel"), to: group)
        bench.layer.flush()
        #expect(bench.layer.groups[group]?.channels == [])
        try bench.groupSend("1", to: group)
        try bench.groupSend("2", to: other)
        #expect(sink.texts == ["1", "2"])
        #expect(second.texts == ["1"])
        bench.layer.groupDiscard(sink, from: group)
        bench.layer.groupDiscard(sink, from: other)
        bench.layer.groupDiscard(second, from: group)
        #expect(bench.layer.groups.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aSinkHearsOnceThatTheLayerIsClosed(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let stranger = RecordingSink()
        for group in [group, other] { bench.layer.groupAdd(sink, to: group) }
        bench.layer.groupAdd(stranger, to: group)
        bench.layer.groupDiscard(stranger, from: group)
        bench.layer.close()
        bench.layer.close()
        #expect(sink.closings == 1)
        #expect(stranger.closings == 0)
        bench.layer.groupAdd(stranger, to: group)
        #expect(stranger.closings == 1)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func `a sink that follows a pattern gets every group that matches, each message once`(
        by subject: ChannelLayerSubject
    )
        throws
    {
        let bench = subject.bench()
        let (test, any) = (Topic.pattern("test-*"), Topic.pattern("*-group"))
        let neighbour = RecordingSink()
        for topic in [test, any, any, .group(group)] { bench.layer.groupAdd(sink, to: topic) }
        bench.layer.groupAdd(neighbour, to: any)
        try bench.groupSend("1", to: group)
        try bench.groupSend("2", to: other)
        try bench.groupSend("3", to: try GroupName("nobody"))
        #expect(sink.texts == ["1", "2"] && sink.groups == [group, other] && sink.countsAtEnds == [1, 2])
        bench.layer.groupSend(
            contentsOf: try ["test-a", "x", "a-group"].map {
                Message(group: try GroupName($0), data: ByteBuffer(string: $0))
            }
        )
        #expect(sink.texts == ["1", "2", "test-a", "a-group"] && sink.countsAtEnds == [1, 2, 4])
        bench.layer.flush()
        bench.layer.groupDiscard(sink, from: any)
        bench.layer.groupDiscard(sink, from: .group(group))
        try bench.groupSend("4", to: other)
        try bench.groupSend("5", to: group)
        #expect(sink.texts.last == "5" && sink.texts.count == 5)
        #expect(neighbour.texts == ["1", "2", "a-group", "4", "5"])
        bench.layer.groupDiscard(sink, from: test)
        try bench.groupSend("6", to: group)
        #expect(sink.texts.last == "5")
        bench.layer.close()
        #expect(neighbour.closings == 1 && sink.closings == 0)
    }
}
