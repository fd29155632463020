import Broker
import Testing

/// `Expect` (RFC 9110 §10.1.1).
@Suite(.timeLimit(.minutes(1)))
struct ExpectationTests {
    private static func head(_ expectation: String, length: Int, version: String = "1.1") -> String {
        "POST /groups/test-group/messages HTTP/\(version)\r\nHost: localhost\r\nExpect: \(expectation)\r\n"
            + "Content-Length: \(length)\r\n\r\n"
    }

    @Test(arguments: ["100-continue", "100-Continue"])
    func `the client is told to go on, at once`(expectation: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.head(expectation, length: 5))
            let interim = try await connection.response()
            #expect(interim.status == 100)
            #expect(interim["content-length"] == nil)
            #expect(interim["transfer-encoding"] == nil)
            await connection.send("hello")
            #expect(try await connection.response().status == 201)
            await connection.send(TestServer.text("GET", "/healthz"))
            #expect(try await connection.response().status == 200)
        }
    }

    @Test func `too large a body is refused instead`() async throws {
        try await TestServer.run(log: MessageLog.Configuration(maximumMessageSize: 4)) { server in
            let connection = try await server.connect()
            await connection.send(Self.head("100-continue", length: 5))
            try expectProblem(try await connection.response(), 413)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a bad group is refused instead`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(
                "POST /groups/a!/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
            )
            try expectProblem(try await connection.response(), 400)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `another expectation is 417`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.head("200-ok", length: 5))
            try expectProblem(try await connection.response(), 417, "100-continue")
        }
    }

    @Test(arguments: ["100-continue\r\nExpect: magic", "100-continue, magic"])
    func `every expectation counts`(expectations: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.head(expectations, length: 5))
            try expectProblem(try await connection.response(), 417)
        }
    }

    @Test func `an HTTP/1.0 client gets no interim answer`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(Self.head("100-continue", length: 5, version: "1.0") + "hello")
            #expect(try await connection.response().status == 201)
        }
    }
}
