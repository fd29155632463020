import Testing

@testable import Broker

/// Several readers of one channel, and readers that are cancelled.
@Suite(.timeLimit(.minutes(1)))
struct ReceiveTests {
    let channel: ChannelName
    init() throws { channel = try ChannelName("test-channel") }

    @Test(arguments: ChannelLayerSubject.all)
    func aWaitingReaderGetsWhatIsSent(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let reader = try await bench.waitingReader(on: channel)
        try bench.send("1", to: channel)
        #expect(try await reader.value == "1")
        #expect(bench.layer.channels.isEmpty)
        #expect(await bench.isEmpty(channel))
    }

    @Test(arguments: ChannelLayerSubject.all)
    func readersAreServedInTheOrderInWhichTheyCame(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let readers = try await (0..<5).asyncMap { _ in try await bench.waitingReader(on: channel) }
        try bench.send("0", "1", "2", "3", "4", "5", to: channel)
        #expect(try await readers.asyncMap { try await $0.value } == ["0", "1", "2", "3", "4"])
        #expect(bench.layer.channels == [channel: 1])
    }

    /// Fault 1 of Channels' layer: when the first of two readers gets its message, it throws the queue away, and the other
    /// waits on it for ever.
    @Test(arguments: ChannelLayerSubject.all)
    func aSecondReaderIsNotForgottenWhenTheFirstGoes(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let first = try await bench.waitingReader(on: channel)
        let second = try await bench.waitingReader(on: channel)
        try bench.send("1", to: channel)
        #expect(try await first.value == "1")
        try bench.send("2", to: channel)
        #expect(try await second.value == "2")
    }

    /// Fault 1, with a cancellation.
    @Test(arguments: ChannelLayerSubject.all)
    func aSecondReaderIsNotForgottenWhenTheFirstIsCancelled(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let first = try await bench.waitingReader(on: channel)
        let second = try await bench.waitingReader(on: channel)
        first.cancel()
        await expectCancellation(of: first)
        try bench.send("1", to: channel)
        #expect(try await second.value == "1")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func readersThatWaitMakeRoom(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 1))
        let readers = try await (0..<2).asyncMap { _ in try await bench.waitingReader(on: channel) }
        try bench.send("0", "1", "2", to: channel)
        expectError(.channelFull) { try bench.send("3", to: channel) }
        #expect(try await readers.asyncMap { try await $0.value } == ["0", "1"])
    }

    // MARK: Cancellation

    @Test(arguments: ChannelLayerSubject.all)
    func aCancelledWaitEndsWithoutAMessage(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let reader = try await bench.waitingReader(on: channel)
        reader.cancel()
        await expectCancellation(of: reader)
        try bench.send("1", to: channel)
        #expect(try await bench.receive(channel) == "1")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aTaskThatIsCancelledBeforehandTakesNothing(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        try bench.send("1", to: channel)
        let executor = HandDrivenExecutor()
        let reader = Task(executorPreference: executor) { try await bench.receive(channel) }
        reader.cancel()
        executor.runAll()
        await expectCancellation(of: reader)
        #expect(bench.layer.channels == [channel: 1])
    }

    /// The message was sent while the reader waited, and the reader is cancelled before its task goes on.
    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatMeetsACancellationStaysInItsPlace(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", "2", "3", to: channel)
        reader.cancel()
        executor.runAll()
        await expectCancellation(of: reader)
        #expect(try await bench.receive(3, from: channel) == ["1", "2", "3"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func twoMessagesThatMeetCancellationsKeepTheirOrder(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executors = [HandDrivenExecutor(), HandDrivenExecutor()]
        let readers = try await executors.asyncMap { try await bench.waitingReader(on: channel, executor: $0) }
        try bench.send("1", "2", "3", to: channel)
        for reader in readers { reader.cancel() }
        for executor in executors.reversed() { executor.runAll() }
        for reader in readers { await expectCancellation(of: reader) }
        #expect(try await bench.receive(3, from: channel) == ["1", "2", "3"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatMeetsACancellationGoesToTheNextReader(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let first = try await bench.waitingReader(on: channel, executor: executor)
        let second = try await bench.waitingReader(on: channel)
        try bench.send("1", to: channel)
        first.cancel()
        executor.runAll()
        await expectCancellation(of: first)
        #expect(try await second.value == "1")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatIsGivenBackExpiresInItsTime(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", to: channel)
        bench.clock.advance(by: .seconds(60))
        reader.cancel()
        executor.runAll()
        await expectCancellation(of: reader)
        #expect(bench.layer.counters.expired == 1)
        #expect(await bench.isEmpty(channel))
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageThatReachedAReaderDoesNotExpire(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let executor = HandDrivenExecutor()
        let reader = try await bench.waitingReader(on: channel, executor: executor)
        try bench.send("1", to: channel)
        bench.clock.advance(by: .seconds(3600))
        executor.runAll()
        #expect(try await reader.value == "1")
    }

    /// As channels_redis tests it: cancelled after 0 to 10 ms, where the message comes at about the same time.
    @Test(arguments: ChannelLayerSubject.all)
    func cancellationsAtAnyMomentLoseNothing(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        for round in 0..<100 {
            let delay = Duration.microseconds(100 * round)
            let reader = Task { try await bench.receive(channel) }
            let sender = Task {
                try await Task.sleep(for: delay)
                try bench.send("\(round)", to: channel)
            }
            try await Task.sleep(for: delay)
            reader.cancel()
            try await sender.value
            switch await reader.result {
            case .success(let text): #expect(text == "\(round)")
            case .failure: #expect(try await bench.receive(channel) == "\(round)")
            }
            #expect(bench.layer.channels.isEmpty)
        }
    }
}
