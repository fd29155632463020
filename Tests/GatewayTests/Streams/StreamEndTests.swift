import Broker
import Gateway
import Synchronization
import Testing

/// A stream that the server ends, and a client that does not take the end.
@Suite(.timeLimit(.minutes(1)))
struct StreamEndTests {
    @Test func `an ended stream does not keep its connection for a client that reads nothing`() async throws {
        let (group, holds) = (try GroupName("g"), StreamBox(true))
        let route = StreamRoute(path: "/mine") { _ in
            StreamGrant(groups: [group], isValid: { holds.withLock { $0 } })
        }
        try await StreamServer.run(
            configure: {
                $0.heartbeat = .milliseconds(40)
                // Far longer than it takes until the stream is ended.
                $0.stallTimeout = .seconds(2)
                $0.connectionBufferBytes = 32 << 10
            },
            streams: [route],
            { server in
                let counters = server.gateway.counters
                var options = StreamClient.Options()
                options.isStalled = true
                options.receiveBuffer = 4096
                let client = try await server.stream("/mine", options: options)
                try await server.eventually { counters.liveStreams.value == 1 }
                let text = String(repeating: "x", count: 100_000)
                while counters.fellBehind.value == 0 { try await server.publish(text) }
                holds.withLock { $0 = false }
                try await server.eventually { counters.streams.value == 0 }
                // It has not taken the end, and keeps acknowledging.
                try await server.eventually { counters.connections.value == 0 }
                #expect(counters.stalled.value == 1)
                await client.close()
            }
        )
    }
}
