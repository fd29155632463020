import Synchronization
import Testing

@testable import Broker
@testable import Gateway

/// Trap 18: what takes a gateway out of its groups must not leave streams behind that hear nothing.
@Suite(.timeLimit(.minutes(1)))
struct DeafStreamTests {
    @Test func `a stream receives the next message after a flush`() async throws {
        try await StreamServer.run { server in
            let client = try await server.stream(of: ["g"])
            try await client.opened()
            server.log.layer.flush()
            try await server.publish("after the flush")
            #expect(try await client.messages(through: 1).map(\.data) == ["after the flush"])
        }
    }

    @Test func `streams end when the layer is closed, also those that come later`() async throws {
        try await StreamServer.run { server in
            let early = try await server.stream(of: ["g"])
            try await early.opened()
            server.log.layer.close()
            #expect(try await early.closed().body.isEnded)
            let late = try await server.stream(of: ["g"])
            #expect(try await late.closed().body.isEnded)
        }
    }

    @Test func `a stopped gateway has left the log, and later removals call nobody`() async throws {
        try await StreamServer.run { server in
            let client = try await server.stream(of: ["g"])
            try await client.opened()
            try await server.publish("1")
            #expect(server.log.observers.withLock { $0.count } == 2)
            await server.gateway.stop()
            #expect(server.log.observers.withLock { $0.count } == 0)
            #expect(server.log.layer.groups.isEmpty)
            try await server.log.delete(1, in: GroupName("g"))
            try await server.publish("2")
        }
    }
}
