import Testing

@testable import Broker

/// Flushing, closing, removing, and looking inside.
@Suite(.timeLimit(.minutes(1)))
struct EmptyingTests {
    let group: GroupName
    let channel: ChannelName
    init() throws {
        group = try GroupName("test-group")
        channel = try ChannelName("test-channel")
    }

    // MARK: Looking inside

    @Test(arguments: ChannelLayerSubject.all)
    func aChannelIsListedWhileMessagesWaitInIt(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let other = try ChannelName("other-channel")
        #expect(bench.layer.channels.isEmpty)
        try bench.send("1", "2", to: channel)
        try bench.send("3", to: other)
        #expect(bench.layer.channels == [channel: 2, other: 1])
        _ = try await bench.receive(channel)
        #expect(bench.layer.channels == [channel: 1, other: 1])
        _ = try await bench.receive(channel)
        #expect(bench.layer.channels == [other: 1])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func groupsAreListedWithTheirMembers(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let (other, sink) = (try GroupName("other-group"), RecordingSink())
        let names = try ["c", "a", "b"].map { try ChannelName($0) }
        for name in names { bench.layer.groupAdd(name, to: group) }
        bench.layer.groupAdd(sink, to: other)
        let groups = bench.layer.groups
        #expect(Set(groups.keys) == [group, other])
        #expect(groups[group]?.channels == names.sorted())
        #expect(groups[group]?.sinks.isEmpty == true)
        #expect(groups[other]?.channels == [])
        #expect(groups[other]?.sinks.first === sink)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func everyMessageIsCounted(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 2))
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(RecordingSink(), to: group)
        try bench.send("1", to: channel)
        try bench.groupSend("2", "3", to: group)
        expectError(.channelFull) { try bench.send("refused", to: channel) }
        #expect(bench.layer.counters == ChannelLayerCounters(sent: 3, delivered: 2, dropped: 1))
        _ = try await bench.receive(channel)
        #expect(bench.layer.counters == ChannelLayerCounters(sent: 3, delivered: 3, dropped: 1))
        bench.clock.advance(by: .seconds(60))
        #expect(bench.layer.channels.isEmpty)
        bench.layer.flush()
        #expect(bench.layer.counters == ChannelLayerCounters(sent: 3, delivered: 3, dropped: 1, expired: 1))
        bench.layer.groupSend(contentsOf: [Message(group: group), Message(group: group), Message()])
        // The sink has stayed a member.
        #expect(bench.layer.counters == ChannelLayerCounters(sent: 5, delivered: 5, dropped: 1, expired: 1))
    }

    // MARK: Removing a channel

    @Test(arguments: ChannelLayerSubject.all)
    func aRemovedChannelIsEmptyAndInNoGroup(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let (other, stays) = (try GroupName("other-group"), try ChannelName("stays"))
        for name in [channel, stays] {
            bench.layer.groupAdd(name, to: group)
            bench.layer.groupAdd(name, to: other)
        }
        try bench.groupSend("1", to: group)
        bench.layer.removeChannel(channel)
        bench.layer.removeChannel(try ChannelName("unknown"))
        #expect(bench.layer.channels == [stays: 1])
        #expect(bench.layer.groups.mapValues(\.channels) == [group: [stays], other: [stays]])
        try bench.groupSend("2", to: group)
        #expect(await bench.isEmpty(channel))
        try bench.send("3", to: channel)
        #expect(try await bench.receive(channel) == "3")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aReaderOutlivesTheRemovalOfItsChannel(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let reader = try await bench.waitingReader(on: channel)
        bench.layer.removeChannel(channel)
        try bench.send("1", to: channel)
        #expect(try await reader.value == "1")
    }

    /// As Channels tests it: the message has reached the reader, whose task has not gone on yet.
    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatReachedAReaderOutlivesTheRemoval(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", "2", to: channel)
        bench.layer.removeChannel(channel)
        executor.runAll()
        #expect(try await reader.value == "1")
        #expect(await bench.isEmpty(channel))
    }

    // MARK: Flushing

    @Test(arguments: ChannelLayerSubject.all)
    func aFlushEmptiesEverything(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let sink = RecordingSink()
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(sink, to: group)
        try bench.groupSend("1", to: group)
        bench.layer.flush()
        #expect(bench.layer.channels.isEmpty)
        #expect(bench.layer.groups[group]?.channels == [])
        try bench.groupSend("2", to: group)
        #expect(await bench.isEmpty(channel))
        bench.layer.groupAdd(channel, to: group)
        try bench.groupSend("3", to: group)
        #expect(try await bench.receive(channel) == "3")
    }

    /// They belong to whoever put them there, who could not know that they have to join again.
    @Test(arguments: ChannelLayerSubject.all)
    func sinksStayMembersThroughAFlush(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let (sink, other) = (RecordingSink(), RecordingSink())
        let quiet = try GroupName("quiet")
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupAdd(channel, to: quiet)
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(other, to: group)
        try bench.groupSend("1", to: group)
        for _ in 1...2 { bench.layer.flush() }
        #expect(Array(bench.layer.groups.keys) == [group])
        try bench.groupSend("2", to: group)
        #expect(sink.texts == ["1", "2"])
        // They are where they can be found, to be added again or discarded.
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupDiscard(other, from: group)
        try bench.groupSend("3", to: group)
        #expect(sink.texts == ["1", "2", "3"])
        #expect(other.texts == ["1", "2"])
        bench.layer.groupDiscard(sink, from: group)
        #expect(bench.layer.groups.isEmpty)
    }

    /// Nobody may wait for messages that cannot come.
    @Test(arguments: ChannelLayerSubject.all)
    func sinksAreToldOfTheClose(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let (sink, late) = (RecordingSink(), RecordingSink())
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(sink, to: try GroupName("other-group"))
        bench.layer.flush()
        #expect(sink.closes == 0)
        bench.layer.close()
        #expect(sink.closes == 1)
        bench.layer.groupAdd(late, to: group)
        #expect(late.closes == 1)
    }

    /// Fault 1 of Channels' layer, with a flush.
    @Test(arguments: ChannelLayerSubject.all)
    func readersOutliveAFlush(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let first = try await bench.waitingReader(on: channel)
        let second = try await bench.waitingReader(on: channel)
        let other = try await bench.waitingReader(on: try ChannelName("other-channel"))
        bench.layer.flush()
        try bench.send("3", to: try ChannelName("other-channel"))
        try bench.send("1", "2", to: channel)
        #expect(try await [first, second, other].asyncMap { try await $0.value } == ["1", "2", "3"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aReaderCanBeCancelledAfterAFlush(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let first = try await bench.waitingReader(on: channel)
        bench.layer.flush()
        let second = try await bench.waitingReader(on: channel)
        first.cancel()
        await expectCancellation(of: first)
        try bench.send("1", to: channel)
        #expect(try await second.value == "1")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatReachedAReaderOutlivesAFlush(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", to: channel)
        bench.layer.flush()
        #expect(bench.layer.channels.isEmpty)
        executor.runAll()
        #expect(try await reader.value == "1")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aFlushedMessageDoesNotComeBackWithACancellation(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", to: channel)
        bench.layer.flush()
        reader.cancel()
        executor.runAll()
        await expectCancellation(of: reader)
        #expect(bench.layer.channels.isEmpty)
    }

    // MARK: Closing

    @Test(arguments: ChannelLayerSubject.all)
    func closingEndsEveryWait(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let readers = try await (0..<3).asyncMap { _ in try await bench.waitingReader(on: channel) }
        bench.layer.close()
        for reader in readers {
            let error = await #expect(throws: BrokerError.self) { try await reader.value }
            #expect(error?.code == .closed)
        }
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aClosedLayerTakesAndGivesNothing(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let sink = RecordingSink()
        bench.layer.groupAdd(sink, to: group)
        try bench.send("1", to: channel)
        bench.layer.close()
        bench.layer.close()
        expectError(.closed) { try bench.send("2", to: channel) }
        expectError(.closed) { try bench.groupSend("3", to: group) }
        let error = await #expect(throws: BrokerError.self) { try await bench.receive(channel) }
        #expect(error?.code == .closed)
        bench.layer.groupAdd(sink, to: group)
        bench.layer.groupAdd(channel, to: group)
        bench.layer.groupSend(contentsOf: [Message(group: group)])
        bench.layer.groupDiscard(sink, from: group)
        bench.layer.groupDiscard(channel, from: group)
        bench.layer.removeChannel(channel)
        bench.layer.flush()
        expectError(.closed) { try bench.send("still closed", to: channel) }
        #expect(sink.texts.isEmpty)
        #expect(bench.layer.channels.isEmpty)
        #expect(bench.layer.groups.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatReachedAReaderOutlivesTheClose(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", to: channel)
        bench.layer.close()
        executor.runAll()
        #expect(try await reader.value == "1")
    }
}
