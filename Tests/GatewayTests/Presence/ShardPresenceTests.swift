import NIOCore
import NIOEmbedded
import Testing

@testable import Broker
@testable import Gateway

/// What the streams of an event loop are told of their groups.
@Suite(.timeLimit(.minutes(1)))
struct ShardPresenceTests {
    /// A stream that is told, and what its client knows.
    private struct Told {
        let stream: NIOLoopBound<Subscriber>
        let channel: NIOAsyncTestingChannel
        var parser = EventParser(keepsItems: true)
        var model = PresenceModel()

        init(_ bench: ShardBench, user: String? = nil) async throws {
            let (stream, channel) = try await bench.open(user: user, showsPresence: true)
            self.stream = stream
            self.channel = try #require(channel as? NIOAsyncTestingChannel)
        }

        /// - Returns: The bytes that came.
        @discardableResult
        mutating func read() async throws -> Int {
            var bytes = 0
            while let chunk = try await channel.readOutbound(as: ByteBuffer.self) {
                bytes += chunk.readableBytes
                parser.feed(Chunk.payload(of: chunk).readableBytesView)
            }
            for item in parser.takeItems() {
                guard case .event(let event) = item, event.type == "stream-presence" else { continue }
                #expect(event.id == nil)
                try model.apply(event.data)
            }
            _ = parser.takeEvents()
            return bytes
        }

        func set(isWritable: Bool) async throws {
            let channel = channel
            channel.isWritable = isWritable
            try await channel.testingEventLoop.executeInContext {
                channel.pipeline.fireChannelWritabilityChanged()
            }
        }
    }

    private static func user(_ name: String, _ info: Int? = nil) -> PresentUser {
        PresentUser(name: UserName(name), info: info.map { ByteBuffer(string: "{\"n\":\($0)}") })
    }

    @Test(arguments: 1...10)
    func `a client that applies what it is told knows who is there, however its socket stalls`(seed: UInt64)
        async throws
    {
        var random = StreamRandom(seed: seed)
        let presence = ManualPresence()
        let bench = try await ShardBench(presence: presence)
        let group = try GroupName("g")
        var clients: [Told] = []
        for number in 0..<3 { clients.append(try await Told(bench, user: "w\(number)")) }
        await bench.loop.run()
        var connections: [PresentUser?] = []
        for round in 0..<150 {
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                if Bool.random(using: &random) || connections.isEmpty {
                    let name = "u\(Int.random(in: 0..<20, using: &random))"
                    let user =
                        Int.random(in: 0...9, using: &random) == 0
                        ? nil
                        : Self.user(name, Bool.random(using: &random) ? nil : Int.random(in: 0...1, using: &random))
                    connections.append(user)
                    presence.join([group], as: user)
                } else {
                    let user = connections.remove(at: Int.random(in: 0..<connections.count, using: &random))
                    presence.leave([group], as: user)
                }
            }
            // The first one never stalls. Some stall with a message under way: they catch up then.
            for index in 1..<3 where Int.random(in: 0...3, using: &random) == 0 {
                try await clients[index].set(isWritable: !clients[index].channel.isWritable)
            }
            if round % 7 == 0 { try await bench.publish(1) }
            presence.tick()
            // Sometimes the loop is late.
            if Int.random(in: 0...5, using: &random) == 0 { presence.tick() }
            await bench.loop.run()
            try await clients[0].read()
        }
        for index in 1..<3 { try await clients[index].set(isWritable: true) }
        let counters = bench.counters
        try await bench.run { counters.liveStreams.value == 3 }
        for _ in 0..<3 {
            presence.tick()
            await bench.loop.run()
        }
        let page = presence.page(of: group, after: nil, limit: 1000, maximumBytes: .max)
        for index in clients.indices {
            try await clients[index].read()
            if index > 0 { clients[index].model.expect(page) }
            #expect(clients[index].model.states > 0 && clients[index].model.differences > 0)
        }
        clients[0].model.expect(page)
        #expect(clients[1].model.states > 1)
        for client in clients { try await client.channel.close().get() }
        for user in connections { presence.leave([group], as: user) }
        for _ in 0..<3 { presence.tick() }
        #expect(presence.figures.groups == 0)
    }

    @Test func `who follows a group anew is not told what was meant for those before`() async throws {
        let presence = ManualPresence()
        let bench = try await ShardBench(presence: presence)
        let first = try await Told(bench, user: "first")
        await bench.loop.run()
        // What it is to be told waits for the loop as it leaves, and another comes.
        presence.tick()
        try await bench.loop.executeInContext { first.stream.value.connectionClosed() }
        var second = try await Told(bench, user: "second")
        await bench.loop.run()
        try await second.read()
        #expect(second.model.states == 0)
        presence.tick()
        await bench.loop.run()
        try await second.read()
        #expect(second.model.states == 1)
        second.model.expect(presence.page(of: try GroupName("g"), after: nil, limit: 1000, maximumBytes: .max))
        for channel in [first.channel, second.channel] { try await channel.close().get() }
    }

    @Test func `a slow stream is told the state anew, and nothing in between`() async throws {
        let presence = ManualPresence()
        let bench = try await ShardBench(presence: presence)
        let group = try GroupName("g")
        var slow = try await Told(bench)
        await bench.loop.run()
        presence.tick()
        await bench.loop.run()
        try await slow.read()
        #expect(slow.model.states == 1 && slow.model.count == 1)
        try await slow.set(isWritable: false)
        presence.join([group], as: Self.user("a"))
        presence.tick()
        await bench.loop.run()
        presence.join([group], as: Self.user("b"))
        presence.tick()
        await bench.loop.run()
        #expect(try await slow.read() == 0)
        try await slow.set(isWritable: true)
        presence.tick()
        await bench.loop.run()
        try await slow.read()
        #expect(slow.model.states == 2 && slow.model.differences == 0)
        #expect(Set(slow.model.users.keys) == ["a", "b"] && slow.model.count == 3)
        presence.join([group], as: Self.user("c"))
        presence.tick()
        await bench.loop.run()
        try await slow.read()
        #expect(slow.model.states == 2 && slow.model.differences == 1 && slow.model.count == 4)
        try await slow.channel.close().get()
    }

    @Test func `ten thousand users who come at once are one event for each stream, of bounded size`() async throws {
        let presence = ManualPresence()
        let bench = try await ShardBench(presence: presence)
        let group = try GroupName("g")
        var clients: [Told] = []
        for _ in 0..<100 { clients.append(try await Told(bench)) }
        await bench.loop.run()
        presence.tick()
        await bench.loop.run()
        for index in clients.indices { try await clients[index].read() }
        #expect(bench.counters.presenceEvents.value == 100)
        let info = ByteBuffer(string: "{\"n\":1,\"x\":\"\(String(repeating: "x", count: 1010))\"}")
        for number in 0..<10_000 {
            presence.join([group], as: PresentUser(name: UserName("user-\(number)"), info: info))
        }
        presence.tick()
        await bench.loop.run()
        #expect(bench.counters.presenceEvents.value == 200)
        for client in clients {
            var chunks: [ByteBuffer] = []
            while let chunk = try await client.channel.readOutbound(as: ByteBuffer.self) { chunks.append(chunk) }
            #expect(chunks.count == 1 && chunks[0].readableBytes < 64 << 10)
        }
        #expect(presence.figures.coalesced >= 9_999)
        for client in clients { try await client.channel.close().get() }
    }

    @Test func `an event has a bound, whatever names and infos there are`() throws {
        let group = try GroupName("g")
        let long = (0..<50).map { PresentUser(name: UserName("\($0)" + String(repeating: "\u{1}", count: 3000))) }
        let names = (0..<50).map { UserName("\($0)" + String(repeating: "\"", count: 3000)) }
        let difference = PresenceUpdate.Difference(joined: long, left: names, hasMore: false)
        let event = PresenceEvent(group, count: 100, difference).data
        #expect(event.readableBytes < 65 << 10)
        let shown = try PresenceModel.Event(json: String(buffer: event))
        #expect(shown.more && (1..<50).contains(shown.joined?.count ?? 0) && (1..<50).contains(shown.left?.count ?? 0))
        // Fifty of the largest infos fit.
        let info = ByteBuffer(string: "{\"n\":\(String(repeating: "1", count: 1018))}")
        let state = PresenceUpdate.State(
            users: (0..<50).map { PresentUser(name: UserName("user-\($0)"), info: info) },
            hasMore: false
        )
        let whole = PresenceEvent(group, count: 50, state).data
        #expect(String(buffer: whole).hasSuffix("],\"more\":false}"))
        #expect(whole.readableBytes < 64 << 10)
    }
}
