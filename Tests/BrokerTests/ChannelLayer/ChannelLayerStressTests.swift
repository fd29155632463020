import Synchronization
import Testing

@testable import Broker

/// Everything at once, on all cores.
@Suite(.timeLimit(.minutes(2)))
struct ChannelLayerStressTests {
    /// Readers are cancelled all the time, while others send: each message arrives exactly once.
    @Test(arguments: ChannelLayerSubject.all)
    func nothingIsLostOrDoubledWhateverIsCancelled(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: .max))
        let names = try (0..<3).map { try ChannelName("channel-\($0)") }
        let (senders, messages, readers) = (6, 1000, 9)
        let received = ReceivedTexts()
        let isSent = Flag()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for reader in 0..<readers {
                tasks.addTask {
                    let channel = names[reader % names.count]
                    var attempt = reader
                    while !isSent.isRaised || bench.layer.channels[channel] != nil {
                        let task = Task { try await bench.receive(channel) }
                        attempt += 1
                        for _ in 0..<(attempt * 7 % 5) { await Task.yield() }
                        task.cancel()
                        if case .success(let text) = await task.result { received.append(text) }
                    }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { sending in
                for sender in 0..<senders {
                    sending.addTask {
                        for number in 0..<messages {
                            let channel = names[number % names.count]
                            try bench.send("\(sender)-\(number)", to: channel)
                            if number % 3 == 0 { await Task.yield() }
                        }
                    }
                }
                try await sending.waitForAll()
            }
            isSent.raise()
            try await tasks.waitForAll()
        }
        let texts = received.all
        #expect(texts.count == senders * messages)
        #expect(Set(texts).count == senders * messages)
        #expect(bench.layer.counters == ChannelLayerCounters(sent: 6000, delivered: 6000))
    }

    /// One reader sees what each sender sent in that sender's order.
    @Test(arguments: ChannelLayerSubject.all)
    func aSingleReaderSeesEachSendersOrder(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: .max))
        let channel = try ChannelName("channel")
        let (senders, messages) = (4, 1000)
        async let received = bench.receive(senders * messages, from: channel)
        await withThrowingTaskGroup(of: Void.self) { tasks in
            for sender in 0..<senders {
                tasks.addTask {
                    for number in 0..<messages { try bench.send("\(sender) \(number)", to: channel) }
                }
            }
        }
        let texts = try await received
        for sender in 0..<senders {
            #expect(texts.filter { $0.hasPrefix("\(sender) ") } == (0..<messages).map { "\(sender) \($0)" })
        }
    }

    /// Fault of many layers: concurrent sends reach the members in different orders.
    @Test(arguments: ChannelLayerSubject.all)
    func allMembersSeeConcurrentSendsInOneOrder(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: .max))
        let group = try GroupName("group")
        let names = try (0..<4).map { try ChannelName("channel-\($0)") }
        let sinks = (0..<3).map { _ in RecordingSink() }
        for name in names { bench.layer.groupAdd(name, to: group) }
        for sink in sinks { bench.layer.groupAdd(sink, to: group) }
        let (senders, messages) = (8, 500)
        await withThrowingTaskGroup(of: Void.self) { tasks in
            for sender in 0..<senders {
                tasks.addTask {
                    for number in stride(from: 0, to: messages, by: 2) {
                        let batch = [number, number + 1].map { Message(group: group, event: "\(sender)-\($0)") }
                        if sender.isMultiple(of: 2) {
                            bench.layer.groupSend(contentsOf: batch)
                        } else {
                            for message in batch { try bench.layer.groupSend(message, to: group) }
                        }
                    }
                }
            }
        }
        let orders = try await names.asyncMap { name in
            try await (0..<senders * messages).asyncMap { _ in try await bench.layer.receive(name).event }
        }
        let first = try #require(orders.first)
        #expect(Set(first).count == senders * messages)
        #expect(orders.allSatisfy { $0 == first })
        #expect(sinks.allSatisfy { $0.texts.count == senders * messages })
        #expect(sinks.allSatisfy { $0.events == first })
        // A batch is not torn apart.
        for (index, event) in first.enumerated() where event.hasPrefix("0-") {
            let parts = event.split(separator: "-")
            if let number = Int(parts[1]), number.isMultiple(of: 2) { #expect(first[index + 1] == "0-\(number + 1)") }
        }
    }

    @Test(arguments: ChannelLayerSubject.all)
    func anythingMayHappenAtOnce(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench(ChannelLayerConfiguration(capacity: 5, expiry: .seconds(2), groupExpiry: .seconds(5)))
        let names = try (0..<8).map { try ChannelName("channel-\($0)") }
        let groups = try (0..<4).map { try GroupName("group-\($0)") }
        let sink = RecordingSink()
        await withTaskGroup(of: Void.self) { tasks in
            for seed in 0..<6 {
                tasks.addTask {
                    var number = UInt64(seed + 1)
                    for _ in 0..<3000 {
                        // A linear congruential generator: the same run each time, but for the threads.
                        number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        let (name, group) = (names[Int(number >> 40) % 8], groups[Int(number >> 48) % 4])
                        switch (number >> 33) % 12 {
                        case 0, 1: try? bench.send("x", to: name)
                        case 2, 3: try? bench.groupSend("x", to: group)
                        case 4, 5: bench.layer.groupAdd(name, to: group)
                        case 6: bench.layer.groupDiscard(name, from: group)
                        case 7: bench.layer.groupAdd(sink, to: group)
                        case 8: bench.layer.groupDiscard(sink, from: group)
                        case 9: bench.clock.advance(by: .milliseconds(100))
                        case 10:
                            let reader = Task { try await bench.receive(name) }
                            await Task.yield()
                            reader.cancel()
                            _ = await reader.result
                        default:
                            switch number >> 60 {
                            case 0: bench.layer.flush()
                            case 1: bench.layer.removeChannel(name)
                            case 2: bench.layer.groupSend(contentsOf: groups.map { Message(group: $0) })
                            default: _ = (bench.layer.channels, bench.layer.groups)
                            }
                        }
                    }
                }
            }
        }
        #expect(bench.layer.channels.values.allSatisfy { (1...11).contains($0) })
        bench.clock.advance(by: .seconds(5))
        for group in groups { bench.layer.groupDiscard(sink, from: group) }
        #expect(bench.layer.channels.isEmpty)
        #expect(bench.layer.groups.isEmpty)
        for name in names {
            let reader = try await bench.waitingReader(on: name)
            try bench.send(name.description, to: name)
            #expect(try await reader.value == name.description)
        }
    }
}

private final class ReceivedTexts: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func append(_ text: String) {
        texts.withLock { $0.append(text) }
    }
}
