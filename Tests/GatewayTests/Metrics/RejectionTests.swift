import Broker
import Dispatch
import Synchronization
import Testing

@testable import Gateway

/// What is refused is counted by its reason, once.
@Suite(.timeLimit(.minutes(1)))
struct RejectionTests {
    /// The reasons that were counted.
    private static func counted(_ server: TestServer) -> [Rejection: Int] {
        Dictionary(uniqueKeysWithValues: server.gateway.counters.rejections.values.filter { $0.value != 0 })
    }

    @Test func `without keys`() async throws {
        try await TestServer.run({ ($0.maximumBodiesBytes, $0.maximumBatchBytes) = (1000, 2000) }) {
            server async throws in
            let path = "/groups/g/messages"
            #expect(try await server.get("/groups", ["Host: evil.example"]).status == 403)
            #expect(try await server.get("/groups", ["Origin: https://evil.example"]).status == 403)
            #expect(try await server.get("/groups", ["Sec-Fetch-Site: cross-site"]).status == 403)
            #expect(try await server.post(path, ["Content-Type: application/json"], "{").status == 400)
            #expect(try await server.get(path + "?limit=x").status == 400)
            #expect(try await server.post("/messages", String(repeating: "x", count: 2001)).status == 413)
            #expect(try await server.post("/messages", String(repeating: "x", count: 1500)).status == 503)
            // These are answers, and no refusals.
            #expect(try await server.get("/nothing").status == 404)
            #expect(try await server.request("PUT", path, body: []).status == 405)
            #expect(try await server.post(path, "x").status == 201)
            #expect(Self.counted(server) == [.host: 1, .origin: 2, .request: 2, .size: 1, .bodies: 1])
        }
    }

    @Test func `with keys`() async throws {
        let configure: (inout GatewayConfiguration) -> Void = { configuration in
            configuration.publishRate = Rate(perSecond: 0.001, burst: 1)
            configuration.maximumStreamsPerUser = 1
        }
        try await AccessTableTests.run(configure) { server, _ async throws in
            let token = TokenMaker.token(publish: ["a"], subscribe: ["a"], user: "u")
            let headers = ["Authorization: Bearer \(token)"]
            #expect(try await server.get("/groups/a/messages").status == 401)
            #expect(try await server.get("/groups/a/messages", ["Authorization: Bearer x"]).status == 401)
            #expect(try await server.get("/groups/b/messages", headers).status == 403)
            #expect(try await server.post("/groups/a/messages", headers, "x").status == 201)
            #expect(try await server.post("/groups/a/messages", headers, "x").status == 429)
            let stream = try await server.stream("/groups/a/events", headers)
            #expect(try await stream.event()?.type == "stream-open")
            let second = try await server.stream("/groups/a/events", headers)
            #expect(try await second.rest().count == 2)
            await stream.close()
            #expect(Self.counted(server) == [.token: 2, .right: 1, .rate: 1, .user: 1])
        }
    }

    @Test func `over the limits of connections`() async throws {
        try await TestServer.run({ $0.maximumConnections = 1 }) { server async throws in
            let kept = try await server.stream()
            #expect(try await kept.event()?.type == "stream-open")
            #expect(try await server.get("/healthz").status == 503)
            #expect(try await server.stream().rest().count == 2)
            #expect(Self.counted(server) == [.connections: 2])
        }
        try await TestServer.run({ $0.maximumConnectionsPerAddress = 1 }) { server async throws in
            let kept = try await server.stream()
            #expect(try await kept.event()?.type == "stream-open")
            #expect(try await server.get("/healthz").status == 429)
            #expect(try await server.stream().rest().count == 2)
            #expect(Self.counted(server) == [.address: 2])
        }
    }

    @Test func `publishes that the store has no room for`() async throws {
        let store = PausingStore(try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath))
        let isThere = Mutex(false)
        let goOn = DispatchSemaphore(value: 0)
        store.beforeHandOver { _ in
            isThere.withLock { $0 = true }
            goOn.wait()
        }
        try await TestServer.run(log: .init(maximumWaitingBytes: 1), store: store) { server async throws in
            // One is let in whatever its size.
            async let first = server.post("/groups/g/messages", "x").status
            try await eventually { isThere.withLock { $0 } }
            #expect(server.log.waitingPublishBytes > 0)
            let second = try await server.post("/groups/g/messages", "x").status
            goOn.signal()
            #expect(second == 503)
            #expect(try await first == 201)
            #expect(Self.counted(server) == [.queue: 1])
        }
    }
}
