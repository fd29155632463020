import Broker
import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// The server stops under its streams, and another takes its place.
@Suite(.timeLimit(.minutes(3)))
struct ShutdownTests {
    @Test(.eachTransport) func `hundreds of streams end within the grace time and are resumed without loss`()
        async throws
    {
        try await StreamServer.withFolder { folder in
            let path = folder + "/test.sqlite"
            let published = StreamBox<[Message]>([])
            var receipts: [StreamReceipt] = []
            try await StreamServer.run(
                path: path,
                configure: {
                    $0.grace = .seconds(20)
                    $0.recentMessageBytes = 3000
                },
                { server in
                    for number in 0..<30 {
                        let message = try await server.publish("\(number)")
                        published.withLock { $0.append(message) }
                    }
                    var clients: [StreamClient] = []
                    // One transport with all that its loops have; the others with enough for more than one turn.
                    for index in 0..<(StreamTransport.current == .eventStream ? 300 : 60) {
                        clients.append(try await server.stream(of: ["g"], index % 2 == 0 ? "since=all" : ""))
                    }
                    for client in clients { try await client.opened() }
                    let isOver = StreamBox(false)
                    async let publishing: Void = Self.publish(server, published, until: isOver)
                    try await eventually { server.log.frontier.sequence > 40 }
                    let clock = ContinuousClock()
                    let time = await clock.measure { await server.gateway.stop() }
                    isOver.withLock { $0 = true }
                    try await publishing
                    #expect(time < .seconds(15))
                    for client in clients { receipts.append(try await client.closed()) }
                    #expect(server.gateway.counters.connections.value == 0)
                    #expect(server.gateway.counters.streams.value == 0)
                    #expect(server.gateway.counters.liveStreams.value == 0)
                    #expect(server.log.layer.groups.isEmpty)
                }
            )
            for receipt in receipts {
                #expect(receipt.hasEndedInOrder)
            }
            try await StreamServer.run(path: path) { server in
                try await Self.resume(server, receipts, published.withLock { $0 })
            }
        }
    }

    @Test func `many streams end in turns, and those that are still open get what is published`() async throws {
        let bench = try await ShardBench()
        var streams: [NIOLoopBound<Subscriber>] = []
        for _ in 0..<250 { streams.append(try await bench.open(.latest).stream) }
        let all = streams
        let open: @Sendable () -> Int = { all.count { $0.value.isOpen } }
        try await bench.run(until: { open() == 250 })

        let shard = bench.shard
        try await bench.loop.executeInContext { shard.value.endAll(within: .seconds(1)) }
        #expect(try await bench.loop.executeInContext(open) == 150)
        try await bench.publish(1)
        let counters = bench.counters
        try await bench.run(until: { counters.deliveries.value == 150 })
        await bench.loop.advanceTime(by: .milliseconds(50))
        #expect(try await bench.loop.executeInContext(open) == 50)
        // Whoever comes meanwhile ends at once.
        let late = try await bench.open(.latest).stream
        #expect(try await bench.loop.executeInContext { late.value.isOpen } == false)
        await bench.loop.advanceTime(by: .milliseconds(50))
        #expect(try await bench.loop.executeInContext(open) == 0)
    }

    @Test(arguments: [
        (1, 2500, 50_000), (100, 2500, 50_000), (1000, 2500, 50_000), (25_000, 2500, 10_000), (100_000, 0, 0),
    ])
    func `all turns are over within the time`(count: Int, milliseconds: Int64, pause: Int64) {
        #expect(Shard.Turns(of: count, within: .milliseconds(milliseconds)).pause == .microseconds(pause))
    }

    private static func publish(
        _ server: StreamServer,
        _ published: StreamBox<[Message]>,
        until isOver: StreamBox<Bool>
    ) async throws {
        while !isOver.withLock({ $0 }) {
            let message = try await server.publish("during")
            published.withLock { $0.append(message) }
        }
    }

    private static func resume(_ server: StreamServer, _ receipts: [StreamReceipt], _ before: [Message]) async throws {
        var clients: [StreamClient] = []
        for receipt in receipts { clients.append(try await server.stream(of: ["g"], lastEventID: receipt.lastEventID)) }
        let published = before + [try await server.publish("after")]
        for (client, receipt) in zip(clients, receipts) {
            let first = try #require(receipt.opening?.sequence)
            #expect(try await client.opened().id == receipt.lastEventID)
            try await client.messages(through: published.last?.id?.sequence ?? 0)
            #expect(
                receipt.sequences + client.receipt.sequences
                    == StreamServer.expected(published, of: ["g"], after: first)
            )
        }
        // One read for all who want the same.
        #expect(server.gateway.counters.pageReads.value < 150)
    }

    @Test func `stopping with nothing open takes no time`() async throws {
        try await StreamServer.run(configure: { $0.grace = .seconds(50) }) { server in
            let time = await ContinuousClock().measure { await server.gateway.stop() }
            #expect(time < .seconds(10))
        }
    }

    @Test func `a reader that takes nothing is cut at the end of the grace time`() async throws {
        try await StreamServer.run(configure: { $0.grace = .milliseconds(50) }) { server in
            var options = StreamClient.Options()
            options.isStalled = true
            options.receiveBuffer = 4096
            _ = try await server.stream(of: ["g"], options: options)
            try await eventually { server.gateway.counters.liveStreams.value == 1 }
            let burst = Array(repeating: String(repeating: "x", count: 100_000), count: 10)
            while server.gateway.counters.liveStreams.value > 0 { try await server.publish(burst: burst) }
            await server.gateway.stop()
            #expect(server.gateway.counters.connections.value == 0)
            #expect(server.gateway.counters.streams.value == 0)
        }
    }
}
