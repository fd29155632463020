import Broker
import Gateway
import Testing

/// Limits for clients that nobody knows.
@Suite(.timeLimit(.minutes(1)))
struct StrangersTests {
    @Test func `too many connections of one address`() async throws {
        try await TestServer.run({ $0.maximumConnectionsPerAddress = 3 }) { server in
            let kept = [try await server.stream(), try await server.stream(), try await server.stream()]
            for stream in kept { #expect(try await stream.event()?.type == "stream-open") }
            let refused = try await server.get("/healthz")
            try expectProblem(refused, 429, "--max-connections-per-address 3")
            #expect(refused["retry-after"] == "5")
            let stream = try await server.stream()
            #expect(stream.head.status == 200)
            #expect(try await stream.rest().count == 2)
            for stream in kept { await stream.close() }
            try await eventually { server.gateway.counters.connections.value == 0 }
            #expect(try await server.get("/healthz").status == 200)
            #expect(server.gateway.counters.refusedConnections.value >= 2)
        }
    }

    @Test func `connections of a trusted proxy are many people's`() async throws {
        try await TestServer.run({ ($0.maximumConnectionsPerAddress, $0.trustedProxies) = (1, ["127.0.0.0/8"]) }) {
            server in
            let first = try await server.stream()
            #expect(try await first.event()?.type == "stream-open")
            #expect(try await server.get("/healthz").status == 200)
        }
    }

    @Test func `publishes of one address are bound by a rate`() async throws {
        let rate = Rate(perSecond: 0.001, burst: 2)
        try await TestServer.run({ $0.publishRate = rate }) { server async throws in
            let path = "/groups/g/messages"
            #expect(try await server.post(path, "x").status == 201)
            #expect(try await server.post(path + "?persist=false", "x").status == 202)
            let refused = try await server.post(path, "x")
            try expectProblem(refused, 429, "--publish-rate")
            #expect(refused["retry-after"].flatMap { Int($0) }.map { $0 > 500 } == true)
            #expect(try await server.post("/messages", #"{"group":"g","data":1}"#).status == 429)
            #expect(try await server.get("/groups/g/messages").status == 200)
            #expect(server.log.frontier.sequence == 1)
        }
        try await TestServer.run({ ($0.publishRate, $0.trustedProxies) = (rate, ["127.0.0.1"]) }) {
            server async throws in
            for client in ["203.0.113.1", "203.0.113.2"] {
                let headers = ["X-Forwarded-For: \(client)"]
                #expect(try await server.post("/groups/g/messages", headers, "x").status == 201)
                #expect(try await server.post("/groups/g/messages", headers, "x").status == 201)
                #expect(try await server.post("/groups/g/messages", headers, "x").status == 429)
            }
        }
    }

    @Test func `a token has a rate of its own, and a batch counts as its messages`() async throws {
        let rate = Rate(perSecond: 0.001, burst: 2)
        try await AccessTableTests.run({ $0.publishRate = rate }) { server, _ async throws in
            func headers(_ user: String) -> [String] {
                ["Authorization: Bearer \(TokenMaker.token(publish: ["*"], user: user))"]
            }
            let (one, two) = (headers("1"), headers("2"))
            let lines = String(repeating: #"{"group":"g","data":1}"# + "\n", count: 5)
            #expect(try await server.post("/messages", one, lines).status == 201)
            #expect(try await server.post("/groups/g/messages", one, "x").status == 429)
            #expect(try await server.post("/groups/g/messages", two, "x").status == 201)
        }
    }

    @Test func `a user has so many streams`() async throws {
        try await AccessTableTests.run({ $0.maximumStreamsPerUser = 2 }) { server, _ async throws in
            func headers(_ user: String) -> [String] {
                ["Authorization: Bearer \(TokenMaker.token(subscribe: ["*"], user: user))"]
            }
            let path = "/groups/g/events"
            let kept = [try await server.stream(path, headers("a")), try await server.stream(path, headers("a"))]
            for stream in kept { #expect(try await stream.event()?.type == "stream-open") }
            let refused = try await server.stream(path, headers("a"))
            #expect(refused.head.status == 200)
            #expect(try await refused.rest().count == 2)
            #expect(try await server.stream(path, headers("b")).event()?.type == "stream-open")
            await kept[0].close()
            try await eventually { server.gateway.counters.streams.value == 2 }
            #expect(try await server.stream(path, headers("a")).event()?.type == "stream-open")
        }
    }

    @Test func `a proxy's word for the scheme counts where it is trusted`() async throws {
        let headers = ["Host: notify.example", "Origin: https://notify.example", "X-Forwarded-Proto: https"]
        for (proxies, status) in [(["127.0.0.1"], 200), ([], 403)] {
            try await TestServer.run({ ($0.allowedHosts, $0.trustedProxies) = (["notify.example"], proxies) }) {
                server async throws in
                #expect(try await server.get("/healthz", headers).status == status)
            }
        }
    }
}
