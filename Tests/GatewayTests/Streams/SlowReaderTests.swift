import Broker
import NIOCore
import Testing

@testable import Gateway

/// Readers that do not keep up, and what they cost the others.
@Suite(.timeLimit(.minutes(3)), .streamsAndSockets)
struct SlowReaderTests {
    private static func stalled(_ server: StreamServer, _ query: String = "") async throws -> StreamClient {
        var options = StreamClient.Options()
        options.isStalled = true
        options.receiveBuffer = 4096
        return try await server.stream(of: ["g"], query, options: options)
    }

    @Test(arguments: [(1 << 20, 64 << 20), (20_000, 50_000), (1, 1)])
    func `a stalled reader holds nobody up, and gets everything later`(inboxBytes: Int, recentBytes: Int) async throws {
        try await StreamServer.run(
            configure: {
                $0.inboxBytes = inboxBytes
                $0.recentMessageBytes = recentBytes
                $0.connectionBufferBytes = 32 << 10
            },
            { server in
                let slow = try await Self.stalled(server)
                try await eventually { server.gateway.counters.liveStreams.value == 1 }
                var fast: [StreamClient] = []
                for _ in 0..<40 { fast.append(try await server.stream(of: ["g"])) }
                for client in fast { try await client.opened() }
                var published: [Message] = []
                let text = String(repeating: "x", count: 8000)
                // Until its buffers are full, and then a good deal more.
                var extra = 0
                while extra < 5 {
                    published += try await server.publish(burst: Array(repeating: text, count: 20))
                    let last = published.compactMap { $0.id?.sequence }.max() ?? 0
                    for client in fast { try await client.messages(through: last) }
                    if server.gateway.counters.streams.value - server.gateway.counters.liveStreams.value > 0 {
                        extra += 1
                    }
                }
                for client in fast { try await server.expectExact(client, ["g"], published) }
                #expect(slow.receipt.bytes == 0)
                try await slow.startReading()
                try await server.expectExact(slow, ["g"], published)
                try await eventually { server.gateway.counters.liveStreams.value == 41 }
                published.append(try await server.publish("live again"))
                try await server.expectExact(slow, ["g"], published)
            }
        )
    }

    @Test func `heartbeats stand between events, never within one`() async throws {
        try await StreamServer.run(
            configure: {
                $0.heartbeat = .milliseconds(1)
                $0.connectionBufferBytes = 16 << 10
            },
            { server in
                var clients: [StreamClient] = []
                for size in [16_384, 65_536] {
                    var options = StreamClient.Options()
                    options.receiveBuffer = size
                    clients.append(try await server.stream(of: ["g"], options: options))
                }
                for client in clients { _ = try await client.wait { $0.parser.comments >= 3 } }
                for client in clients { try await client.readSlowly(every: .milliseconds(1)) }
                var published: [Message] = []
                // More than the system buffers for a connection.
                for number in 0..<6 {
                    let text = String(repeating: "\(number)", count: 1 << 20)
                    published.append(try await server.publish(text))
                }
                for client in clients {
                    let comments = client.receipt.parser.comments
                    _ = try await client.wait { $0.parser.comments > comments }
                }
                for client in clients {
                    let receipt = try await server.expectExact(client, ["g"], published)
                    #expect(receipt.texts.map(\.utf8.count) == Array(repeating: 1 << 20, count: 6))
                    #expect(receipt.texts.compactMap(\.first) == ["0", "1", "2", "3", "4", "5"])
                    #expect(receipt.problem == nil)
                }
            }
        )
    }

    @Test func `heartbeats do not break a replay`() async throws {
        try await StreamServer.run(
            configure: {
                $0.heartbeat = .milliseconds(1)
                $0.recentMessageBytes = 1
                $0.connectionBufferBytes = 1000
            },
            { server in
                let published = try await server.publish(
                    burst: (0..<400).map { "\($0)\n" + String(repeating: "y", count: 900) }
                )
                let slow = try await Self.stalled(server, "since=all")
                try await eventually { server.gateway.counters.deliveries.value > 20 }
                try await slow.startReading()
                try await server.expectExact(slow, ["g"], published)
            }
        )
    }
}
