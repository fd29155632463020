import Gateway
import NIOCore
import Testing

/// How large a request's head may be, and how long it may take.
@Suite(.timeLimit(.minutes(1)))
struct HeadLimitTests {
    private static func head(padding: Int) -> String {
        TestServer.text("GET", "/healthz", ["X-Padding: " + String(repeating: "x", count: padding)])
    }

    @Test func `a large head is taken, in however many packets`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.drip(Self.head(padding: 300), every: .microseconds(100))
            #expect(try await connection.response().status == 200)
            await connection.send(Self.head(padding: 15 << 10))
            #expect(try await connection.response().status == 200)
        }
    }

    @Test(arguments: [17 << 10, 1 << 20])
    func `too large a field is 431`(size: Int) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.head(padding: size))
            let response = try await connection.response()
            try expectProblem(response, 431, "16384 bytes", "--max-header-size")
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
            #expect(try await !connection.wasReset)
        }
    }

    @Test func `too many fields are 431`() async throws {
        try await TestServer.run { server in
            let headers = (1...2000).map { "X-\($0): 0123456789" }
            try expectProblem(try await server.get("/healthz", headers), 431)
        }
    }

    /// It is told before the head has ended, so that one without an end does not fill the memory.
    @Test func `an address without end is refused`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("GET /" + String(repeating: "a", count: 1 << 20))
            let response = try await connection.response()
            try expectProblem(response, 431, "16384 bytes")
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
            #expect(try await !connection.wasReset)
        }
    }

    @Test func `an address over the limit is refused`() async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get("/healthz?" + String(repeating: "a", count: 20_000)), 431)
            #expect(try await server.get("/healthz?" + String(repeating: "a", count: 10_000)).status == 200)
        }
    }

    @Test(arguments: ["GET /healthz HTTP/1.1\r\nHost: local", "G", "POST /groups/a/messages HTTP/1.1\r\n"])
    func `a head that never ends is given up`(beginning: String) async throws {
        try await TestServer.run({ $0.headTimeout = .seconds(3) }) { server in
            let connection = try await server.connect()
            await connection.send(beginning)
            try expectProblem(try await connection.response(), 408)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a client that says nothing is closed without a word`() async throws {
        try await TestServer.run({ $0.headTimeout = .seconds(3) }) { server in
            let connection = try await server.connect()
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a head that comes byte by byte is given up`() async throws {
        try await TestServer.run({ $0.headTimeout = .seconds(3) }) { server in
            let connection = try await server.connect()
            await connection.drip(Self.head(padding: 4000), every: .milliseconds(5))
            try expectProblem(try await connection.response(), 408)
            _ = try await connection.end()
        }
    }

    /// The time counts from its first byte, not from the answer before: a client may wait longer between two requests.
    @Test func `a later head that never ends is given up, too`() async throws {
        try await TestServer.run({ $0.headTimeout = .seconds(3) }) { server in
            let connection = try await server.connect()
            await connection.send(TestServer.text("GET", "/healthz"))
            #expect(try await connection.response().status == 200)
            await connection.send("GET /healthz HTTP/1.1\r\n")
            try expectProblem(try await connection.response(), 408)
        }
    }

    @Test func `a connection that waits too long is closed`() async throws {
        try await TestServer.run({ ($0.headTimeout, $0.idleTimeout) = (.seconds(3), .milliseconds(100)) }) {
            server in
            let connection = try await server.connect()
            await connection.send(TestServer.text("GET", "/healthz"))
            #expect(try await connection.response().status == 200)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a body that pauses too long is 408`() async throws {
        try await TestServer.run({ ($0.headTimeout, $0.bodyTimeout) = (.seconds(3), .milliseconds(100)) }) {
            server in
            let connection = try await server.connect()
            await connection.send(
                "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello"
            )
            let response = try await connection.response()
            try expectProblem(response, 408, "Send it again")
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
        }
    }
}
