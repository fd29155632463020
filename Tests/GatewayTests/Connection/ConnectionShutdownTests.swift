import Broker
import Gateway
import Testing

/// `stop()` while requests are under way.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionShutdownTests {
    @Test func `a publish under way is answered`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run({ $0.eventLoops = 1 }, store: store) { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let connection = try await server.connect()
            await connection.send(TestServer.text("POST", "/groups/test-group/messages", [], "x"))
            await store.publishArrives()
            async let stop: Void = server.gateway.stop()
            // The end of the stream tells that the event loop has heard of the stop.
            _ = try await stream.rest()
            store.release()
            let response = try await connection.response()
            #expect(response.status == 201)
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
            await stop
            #expect(server.log.frontier.sequence == 1)
        }
    }

    @Test func `a request that is still coming is answered`() async throws {
        try await TestServer.run({ $0.eventLoops = 1 }) { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let connection = try await server.connect()
            let head = "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            await connection.send(head + "Content-Length: 2\r\n\r\n")
            #expect(try await connection.response().status == 100)
            async let stop: Void = server.gateway.stop()
            _ = try await stream.rest()
            await connection.send("hi")
            let response = try await connection.response()
            #expect(response.status == 201)
            #expect(response.closes)
            await stop
        }
    }

    @Test func `what never ends is closed at the end of the grace time`() async throws {
        try await TestServer.run({ $0.grace = .milliseconds(100) }) { server in
            let connection = try await server.connect()
            let head = "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            await connection.send(head + "Content-Length: 2\r\n\r\n")
            #expect(try await connection.response().status == 100)
            await server.gateway.stop()
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `idle connections do not hold it up`() async throws {
        try await TestServer.run({ $0.grace = .seconds(600) }) { server in
            let fresh = try await server.connect()
            let used = try await server.connect()
            await used.send(TestServer.text("GET", "/healthz"))
            _ = try await used.response()
            await server.gateway.stop()
            #expect(try await fresh.end().isEmpty)
            #expect(try await used.end().isEmpty)
        }
    }
}
