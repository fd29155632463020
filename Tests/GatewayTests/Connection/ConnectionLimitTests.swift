import Gateway
import Testing

/// More connections than allowed: streams are asked to come back, requests are 503.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionLimitTests {
    @Test(arguments: ["/groups/test-group/events", "/events?group=a", "/groups/test-group/events?since=all"])
    func `a stream over the limit is 200, retry, end`(path: String) async throws {
        try await TestServer.run({ $0.maximumConnections = 1 }) { server in
            let first = try await server.stream()
            _ = try await first.event()
            let second = try await server.stream(path)
            #expect(second.head.status == 200)
            #expect(second.head["content-type"] == "text/event-stream")
            #expect(second.head["cache-control"] == "no-cache, no-store, no-transform")
            let connection = second.connection
            let bytes = try await connection.end()
            let body = String(decoding: bytes, as: UTF8.self)
            let match = try #require(body.wholeMatch(of: /retry: (\d+)\n: come back later: (.+)\n\n/), "\(body)")
            #expect((5000...15_000).contains(try #require(Int(match.1))))
            #expect(match.2.contains("--max-connections 1"))
        }
    }

    @Test func `a request over the limit is 503, and those before it go on`() async throws {
        try await TestServer.run({ $0.maximumConnections = 1 }) { server in
            let first = try await server.connect()
            await first.send(TestServer.text("GET", "/healthz"))
            #expect(try await first.response().status == 200)
            let second = try await server.connect()
            await second.send(TestServer.text("GET", "/healthz"))
            let refused = try await second.response()
            try expectProblem(refused, 503, "--max-connections 1")
            #expect(refused["retry-after"] == "5")
            #expect(refused.closes)
            await first.send(TestServer.text("POST", "/groups/test-group/messages", [], "x"))
            #expect(try await first.response().status == 201)
        }
    }

    @Test func `there is room again when others go`() async throws {
        try await TestServer.run({ $0.maximumConnections = 1 }) { server in
            let first = try await server.stream()
            _ = try await first.event()
            try expectProblem(try await server.get("/healthz"), 503)
            await first.close()
            while try await server.get("/healthz").status != 200 {}
            let second = try await server.stream()
            #expect(try await second.event()?.type == "stream-open")
        }
    }
}
