import Broker
import Testing

/// Publishes with a time to live, and publishes that are repeated.
@Suite(.timeLimit(.minutes(1)))
struct StoredPublishTests {
    private static let path = "/groups/test-group/messages"

    private func history(_ server: TestServer) async throws -> [String] {
        try await server.get(Self.path).json(HistoryBody.self).data
    }

    @Test func `a repeated publish is answered as the first, and publishes nothing`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            let first = try await server.post(Self.path + "?event=e", ["Idempotency-Key: k"], "x")
            #expect(first.status == 201)
            let second = try await server.post(Self.path + "?event=e", ["Idempotency-Key: k"], "x")
            #expect(second.status == 200)
            #expect(second.text == first.text)
            #expect(second["location"] == first["location"])
            let other = try await server.post(Self.path + "?event=e", ["Idempotency-Key: l"], "x")
            #expect(other.status == 201)
            let elsewhere = try await server.post("/groups/b/messages?event=e", ["Idempotency-Key: k"], "x")
            #expect(elsewhere.status == 201)
            #expect(try await history(server) == ["x", "x"])
            let events = try await stream.events(3)
            #expect(events.dropFirst().map(\.id) == [server.id(1), server.id(2)])
        }
    }

    @Test(arguments: [("?event=e", "y"), ("?event=f", "x"), ("?event=e&ttl=60", "x")])
    func `a key for another message is 422`(query: String, body: String) async throws {
        try await TestServer.run { server in
            #expect(try await server.post(Self.path + "?event=e", ["Idempotency-Key: k"], "x").status == 201)
            try expectProblem(try await server.post(Self.path + query, ["Idempotency-Key: k"], body), 422, "dempotency")
            #expect(try await history(server) == ["x"])
        }
    }

    @Test func `white space around a key is not part of it`() async throws {
        try await TestServer.run { server in
            let first = try await server.post(Self.path, ["Idempotency-Key: k"], "x")
            let second = try await server.post(Self.path, ["Idempotency-Key: \t k \t "], "x")
            #expect([first.status, second.status] == [201, 200])
        }
    }

    @Test func `a key that is not UTF-8 is refused, as it would be taken for another`() async throws {
        try await TestServer.run { server in
            let head = "POST \(Self.path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nIdempotency-Key: caf"
            let connection = try await server.connect()
            await connection.send(Array(head.utf8) + [0xE9] + Array("\r\n\r\nx".utf8))
            try expectProblem(try await connection.response(), 400, "not UTF-8")
            #expect(try await history(server).isEmpty)
        }
    }

    @Test func `a key outlives its message`() async throws {
        try await TestServer.run { server in
            let first = try await server.post(Self.path, ["Idempotency-Key: k"], "x")
            #expect(try await server.request("DELETE", Self.path + "/" + server.id(1)).status == 204)
            let second = try await server.post(Self.path, ["Idempotency-Key: k"], "x")
            #expect(second.status == 200)
            #expect(second.text == first.text)
            #expect(try await history(server).isEmpty)
        }
    }

    /// Both go into the store together: one of them is the message, the other its repetition.
    @Test func `two publishes with one key at once are one message`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run(store: store) { server in
            let connections = [try await server.connect(), try await server.connect(), try await server.connect()]
            for connection in connections {
                await connection.send(TestServer.text("POST", Self.path, ["Idempotency-Key: k"], "x"))
            }
            await store.publishArrives()
            store.release()
            var statuses: [Int] = []
            var bodies: Set<String> = []
            for connection in connections {
                let response = try await connection.response()
                statuses.append(response.status)
                bodies.insert(response.text)
            }
            #expect(statuses.sorted() == [200, 200, 201])
            #expect(bodies.count == 1)
            #expect(try await history(server) == ["x"])
        }
    }

    @Test(arguments: ["?ttl=0.2", "?ttl=.2"])
    func `a message leaves history when its time is over`(query: String) async throws {
        try await TestServer.run { server in
            let follower = try await server.stream()
            #expect(try await server.post(Self.path + query, "passing").status == 201)
            #expect(try await server.post(Self.path + "?ttl=600", "later").status == 201)
            #expect(try await server.post(Self.path, "lasting").status == 201)
            // Who is there gets it.
            #expect(try await follower.events(4).map(\.data).dropFirst() == ["passing", "later", "lasting"])
            while try await history(server).contains("passing") {}
            #expect(try await history(server) == ["later", "lasting"])
            #expect(try await server.get(Self.path + "/" + server.id(1)).status == 404)
            // From the loop's memory, which the first stream filled, or from the store.
            let resumed = try await server.stream("/groups/test-group/events", ["Last-Event-ID: \(server.id(0))"])
            #expect(try await resumed.events(3).map(\.data).dropFirst() == ["later", "lasting"])
        }
    }

    @Test func `a time to live in every kind of body`() async throws {
        try await TestServer.run { server in
            let json = try await server.post(
                Self.path,
                ["Content-Type: application/json"],
                "{\"data\":1,\"ttl\":60}"
            )
            #expect(json.status == 201)
            let form = try await server.post(
                Self.path,
                ["Content-Type: application/x-www-form-urlencoded"],
                "data=1&ttl=60"
            )
            #expect(form.status == 201)
            #expect(try await server.post(Self.path + "?ttl=60", "1").status == 201)
            let page = try await server.log.store.messages(
                of: [.group(GroupName("test-group"))],
                after: 0,
                through: 3,
                limit: 10,
                maximumBytes: .max
            )
            #expect(
                page.messages.map { $0.expiresAt?.milliseconds }
                    == page.messages.map { $0.createdAt.milliseconds + 60_000 }
            )
        }
    }
}
