import NIOCore
import Testing

@testable import Broker

/// Sending to channels and receiving from them, one at a time.
@Suite(.timeLimit(.minutes(1)))
struct ChannelTests {
    let channel: ChannelName
    init() throws { channel = try ChannelName("test-channel") }

    @Test(arguments: ChannelLayerSubject.all)
    func whatIsSentIsReceived(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let message = Message(event: "test.message", text: "Ahoy-hoy!")
        try bench.layer.send(message, to: channel)
        #expect(try await bench.layer.receive(channel) == message)
        #expect(await bench.isEmpty(channel))
    }

    @Test(arguments: ChannelLayerSubject.all)
    func messagesComeInTheOrderInWhichTheyWereSent(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        try bench.send("1", "2", "3", to: channel)
        #expect(try await bench.receive(2, from: channel) == ["1", "2"])
        try bench.send("4", to: channel)
        #expect(try await bench.receive(2, from: channel) == ["3", "4"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func channelsDoNotMix(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let other = try ChannelName("other-channel")
        try bench.send("1", to: channel)
        try bench.send("2", to: other)
        try bench.send("3", to: channel)
        #expect(try await bench.receive(other) == "2")
        #expect(try await bench.receive(2, from: channel) == ["1", "3"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func oneTaskReadsSeveralChannels(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let names = try (0..<10).map { try ChannelName("channel-\($0)") }
        let readers = try await names.asyncMap { try await bench.waitingReader(on: $0) }
        for name in names.reversed() { try bench.send(name.description, to: name) }
        for (name, reader) in zip(names, readers) {
            #expect(try await reader.value == name.description)
        }
    }

    @Test(arguments: ChannelLayerSubject.all)
    func anyBytesPass(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let bytes = ByteBuffer(bytes: Array(0...255) + [0xff, 0x00, 0xc0])
        try bench.layer.send(Message(event: "bytes", data: bytes), to: channel)
        #expect(try await bench.layer.receive(channel).data == bytes)
    }

    // MARK: Capacity

    @Test(arguments: ChannelLayerSubject.all)
    func aFullChannelRefusesUntilItIsRead(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 3))
        try bench.send("1", "2", "3", to: channel)
        expectError(.channelFull) { try bench.send("4", to: channel) }
        expectError(.channelFull) { try bench.send("5", to: channel) }
        #expect(try await bench.receive(channel) == "1")
        try bench.send("6", to: channel)
        #expect(try await bench.receive(3, from: channel) == ["2", "3", "6"])
    }

    @Test(arguments: ChannelLayerSubject.all)
    func theCapacityIsAHundredByDefault(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        for number in 0..<100 { try bench.send("\(number)", to: channel) }
        expectError(.channelFull) { try bench.send("100", to: channel) }
    }

    @Test(arguments: ChannelLayerSubject.all)
    func theFirstPatternThatMatchesGivesTheCapacity(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(
            ChannelLayerConfiguration(
                capacity: 4,
                channelCapacity: [.init("tiny", 1), .init("http.re*", 2), .init("http.*", 3), .init("closed!*", 0)]
            )
        )
        for (name, capacity) in [
            ("tiny", 1), ("http.request", 2), ("http.disconnect", 3), ("closed!one", 0), ("closed", 4), ("xtiny", 4),
        ] {
            let channel = try ChannelName(name)
            for number in 0..<capacity { try bench.send("\(number)", to: channel) }
            expectError(.channelFull) { try bench.send("too much", to: channel) }
            #expect(bench.layer.channels[channel, default: 0] == capacity)
        }
    }

    @Test(arguments: ChannelLayerSubject.all)
    func capacityZeroIsAlwaysFull(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 0))
        expectError(.channelFull) { try bench.send("1", to: channel) }
        let reader = try await bench.waitingReader(on: channel)
        expectError(.channelFull) { try bench.send("2", to: channel) }
        reader.cancel()
        await expectCancellation(of: reader)
        #expect(bench.layer.channels.isEmpty)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func capacityIsCountedForEachFullName(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 1))
        let (first, second) = (try ChannelName("client!first"), try ChannelName("client!second"))
        try bench.send("1", to: first)
        try bench.send("2", to: second)
        expectError(.channelFull) { try bench.send("3", to: first) }
        #expect(try await bench.receive(second) == "2")
    }

    // MARK: Size

    @Test(arguments: ChannelLayerSubject.all)
    func aMebibyteOfDataPassesByDefault(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let event = String(repeating: "e", count: 128)
        let data = ByteBuffer(repeating: 0x61, count: 1_048_576)
        try bench.layer.send(Message(event: event, data: data), to: channel)
        #expect(try await bench.layer.receive(channel).data == data)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func aMessageOverTheLimitIsRefused(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(maximumMessageSize: 10))
        let group = try GroupName("group")
        bench.layer.groupAdd(channel, to: group)
        try bench.layer.send(Message(event: "12345", text: "67890"), to: channel)
        expectError(.messageTooLarge) { try bench.layer.send(Message(event: "12345", text: "67890+"), to: channel) }
        expectError(.messageTooLarge) { try bench.layer.groupSend(Message(event: "123456", text: "67890"), to: group) }
        #expect(bench.layer.channels == [channel: 1])
    }
}

extension Sequence {
    func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
