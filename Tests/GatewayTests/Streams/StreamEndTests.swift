import Broker
import Gateway
import Synchronization
import Testing

/// A stream that the server ends, and a client that does not take the end.
@Suite(.timeLimit(.minutes(1)))
struct StreamEndTests {
    @Test func `an ended stream does not keep its connection for a client that reads nothing`() async throws {
        let (group, end) = (try GroupName("g"), StreamEnd())
        let route = StreamRoute(path: "/mine") { _ in StreamGrant(groups: [group], end: end) }
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
                try await eventually { counters.liveStreams.value == 1 }
                let text = String(repeating: "x", count: 100_000)
                while counters.fellBehind.value == 0 { try await server.publish(text) }
                await end.end()
                try await eventually { counters.streams.value == 0 }
                // It has not taken the end, and keeps acknowledging.
                try await eventually { counters.connections.value == 0 }
                #expect(counters.stalled.value == 1)
                await client.close()
            }
        )
    }

    @Test func `a stream ends when its grant does, and one without an end goes on`() async throws {
        let group = try GroupName("g")
        let routes = [
            StreamRoute(path: "/short") { _ in
                StreamGrant(groups: [group], expiresAt: .now() + .milliseconds(300))
            },
            StreamRoute(path: "/past") { _ in StreamGrant(groups: [group], expiresAt: .now() - .seconds(1)) },
            StreamRoute(path: "/long") { _ in StreamGrant(groups: [group], expiresAt: Timestamp(milliseconds: .max)) },
        ]
        // No look at the streams would end them in time.
        try await StreamServer.run(configure: { $0.heartbeat = .seconds(3600) }, streams: routes) { server in
            let counters = server.gateway.counters
            let long = try await server.stream("/long")
            try await eventually { counters.liveStreams.value == 1 }
            for path in ["/short", "/past"] {
                let client = try await server.stream(path)
                _ = try await client.closed()
                await client.close()
            }
            #expect(counters.streams.value == 1)
            await long.close()
        }
    }
}
