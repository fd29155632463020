import Broker
import Testing

@testable import Gateway

/// What the counters say of messages that were read, and of those that nobody got.
@Suite(.timeLimit(.minutes(1)))
struct CountersTests {
    @Test func `a replay counts as live messages do`() async throws {
        try await StreamServer.run { server in
            try await server.publish(burst: ["one", "two", "three"])
            let live = try await server.stream(of: ["g"])
            try await live.opened()
            try await server.publish("four")
            try await live.messages(through: 4)
            let counters = server.gateway.counters
            let (batches, bytes) = (counters.batches.value, counters.deliveredBytes.value)
            #expect(batches == 1)
            let replay = try await server.stream(of: ["g"], "since=all")
            try await replay.messages(through: 4)
            #expect(counters.deliveries.value == 1 + 4)
            #expect(counters.batches.value > batches)
            #expect(counters.deliveredBytes.value > 4 * bytes)
        }
    }

    @Test func `an unstored message was either written or dropped`() async throws {
        try await StreamServer.run(configure: {
            ($0.eventLoops, $0.connectionBufferBytes, $0.grace) = (1, 32 << 10, .milliseconds(100))
        }) { server in
            var options = StreamClient.Options()
            options.isStalled = true
            options.receiveBuffer = 4096
            _ = try await server.stream(of: ["g"], options: options)
            let counters = server.gateway.counters
            try await eventually { counters.liveStreams.value == 1 }
            let text = String(repeating: "x", count: 8000)
            var published = 0
            while counters.fellBehind.value == 0 || published % 10 > 0 {
                try server.log.publishUnstored(MessageDraft(group: GroupName("g"), text: text))
                published += 1
                try await eventually { counters.deliveries.value + counters.droppedUnstored.value >= published }
            }
            // A stream that opens comes after all that was published before.
            try await server.stream(of: ["other"]).opened()
            #expect(counters.deliveries.value + counters.droppedUnstored.value == published)
        }
    }
}
