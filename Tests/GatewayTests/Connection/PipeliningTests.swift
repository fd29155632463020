import Testing

/// Several requests on one connection: kept alive, pipelined (RFC 9112 §9.3.2), half-closed.
@Suite(.timeLimit(.minutes(1)))
struct PipeliningTests {
    private static func publish(_ text: String) -> String {
        TestServer.text("POST", "/groups/test-group/messages", [], text)
    }

    private static let health = TestServer.text("GET", "/healthz")
    private static let stream = TestServer.text("GET", "/groups/test-group/events")

    @Test func `a connection is kept for further requests`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            for sequence in 1...3 {
                await connection.send(Self.publish("x"))
                #expect(try await connection.response().json(CreatedBody.self).id == server.id(sequence))
                await connection.send(TestServer.text("GET", "/nowhere"))
                try expectProblem(try await connection.response(), 404)
                await connection.send(TestServer.text("POST", "/groups/test-group/messages?event=", [], "x"))
                try expectProblem(try await connection.response(), 400)
            }
        }
    }

    @Test func `Connection: close ends it`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(TestServer.text("GET", "/healthz", ["Connection: close"]))
            #expect(try await connection.response().closes)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `pipelined requests are answered in their order`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            var requests = ""
            for number in 1...50 {
                requests += Self.publish("\(number)") + Self.health + TestServer.text("GET", "/groups/group-\(number)")
            }
            await connection.send(requests)
            for number in 1...50 {
                #expect(try await connection.response().json(CreatedBody.self).id == server.id(number))
                #expect(try await connection.response().text == "{\"status\":\"ok\"}\n")
                #expect(try await connection.response().json(GroupBody.self).group == "group-\(number)")
            }
            let history = try await server.get("/groups/test-group/messages").json(HistoryBody.self)
            #expect(history.data == (1...50).map { "\($0)" })
        }
    }

    @Test func `requests that came in pieces while another was answered`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run(store: store) { server in
            let connection = try await server.connect()
            let second = Self.publish("second")
            await connection.send(Self.publish("first") + second.prefix(40))
            await store.publishArrives()
            await connection.send(String(second.dropFirst(40)) + Self.health)
            store.release()
            #expect(try await connection.response().json(CreatedBody.self).data_bytes == 5)
            #expect(try await connection.response().json(CreatedBody.self).data_bytes == 6)
            #expect(try await connection.response().status == 200)
        }
    }

    @Test func `a half-closed client reads its answer`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run(store: store) { server in
            let connection = try await server.connect()
            await connection.send(Self.publish("x"))
            try await connection.finishSending()
            await store.publishArrives()
            store.release()
            #expect(try await connection.response().status == 201)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a half-closed client reads all its answers`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.publish("1") + Self.publish("2") + Self.health)
            try await connection.finishSending()
            #expect(try await connection.response().status == 201)
            #expect(try await connection.response().status == 201)
            #expect(try await connection.response().status == 200)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `what was pipelined before garbage is answered first`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run(store: store) { server in
            let connection = try await server.connect()
            await connection.send(Self.publish("1") + Self.publish("2") + "no request\r\n\r\n")
            await store.publishArrives()
            store.release()
            let first = try await connection.response()
            #expect(first.status == 201)
            #expect(!first.closes)
            #expect(try await connection.response().status == 201)
            let last = try await connection.response()
            try expectProblem(last, 400)
            #expect(last.closes)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `after Connection: close nothing more is answered`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(TestServer.text("GET", "/healthz", ["Connection: close"]) + "garbage\r\n\r\n")
            #expect(try await connection.response().status == 200)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a stream on a connection that was used before`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.health)
            _ = try await connection.response()
            await connection.send(Self.stream)
            let stream = try await EventReader(connection)
            #expect(try await stream.event()?.type == "stream-open")
            try await server.publish("x")
            #expect(try await stream.event()?.data == "x")
        }
    }

    @Test func `a stream pipelined behind a publish`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run(store: store) { server in
            let connection = try await server.connect()
            await connection.send(Self.publish("before") + Self.stream)
            await store.publishArrives()
            store.release()
            #expect(try await connection.response().status == 201)
            let stream = try await EventReader(connection)
            #expect(try await stream.event() == openEvent(at: server.id(1)))
            try await server.publish("after")
            #expect(try await stream.event() == .init(id: server.id(2), data: "after"))
            // Its socket is read all the same: too much input ends it.
            await connection.send([UInt8](repeating: 0x78, count: 64 << 10))
            _ = try await connection.end()
        }
    }
}
