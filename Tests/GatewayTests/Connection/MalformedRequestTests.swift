import Broker
import Testing

/// What cannot be parsed: 400 and the end of the connection.
@Suite(.timeLimit(.minutes(1)))
struct MalformedRequestTests {
    static let requests = [
        "garbage\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{FC}\u{3}\u{3}",  // a TLS client hello
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n",
        "B(R)EW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ]

    /// Requests that are one, but not of a kind that is known here.
    static let unknown: [(request: String, status: Int, word: String)] = [
        ("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, "HTTP/1.1"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"),
        ("GET / HTTP/3.1\r\nHost: localhost\r\n\r\n", 505, "HTTP/3"),
        ("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501, "'BREW'"),
        ("get /groups HTTP/1.1\r\nHost: localhost\r\n\r\n", 501, "'get'"),
    ]

    @Test(arguments: unknown)
    func `an unknown method is 501, an unknown version 505`(request: String, status: Int, word: String) async throws {
        try await TestServer.run { server in
            for first in ["", TestServer.text("GET", "/healthz")] {
                let connection = try await server.connect()
                await connection.send(first)
                if !first.isEmpty { #expect(try await connection.response().status == 200) }
                await connection.send(request)
                let response = try await connection.response()
                try expectProblem(response, status, word)
                #expect(response.closes)
                #expect(try await connection.end().isEmpty)
            }
        }
    }

    @Test func `a later minor version is answered as 1_1`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n")
            let response = try await connection.response()
            #expect(response.status == 200)
            #expect(!response.closes)
        }
    }

    @Test(arguments: requests)
    func `is 400, and the connection ends`(request: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(request)
            let response = try await connection.response()
            try expectProblem(response, 400)
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
            #expect(try await !connection.wasReset)
        }
    }

    @Test(arguments: requests)
    func `is 400 also after a good request`(request: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(TestServer.text("GET", "/healthz"))
            #expect(try await connection.response().status == 200)
            await connection.send(request)
            try expectProblem(try await connection.response(), 400)
            #expect(try await connection.end().isEmpty)
        }
    }

    /// More of it comes while the answer is on its way: the answer must not be lost to a reset.
    @Test func `much garbage is answered all the same`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send([UInt8](repeating: 0, count: 1 << 20))
            try expectProblem(try await connection.response(), 400)
            #expect(try await connection.end().isEmpty)
            #expect(try await !connection.wasReset)
        }
    }

    @Test func `a body that is cut off publishes nothing`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(
                "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello"
            )
            try await connection.finishSending()
            try expectProblem(try await connection.response(), 400)
            #expect(try await connection.end().isEmpty)
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `nothing at all is no fault`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            try await connection.finishSending()
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test(
        arguments: [
            ("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
            ("\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
            ("GET /healthz?a=%zz HTTP/1.1\r\nHost: localhost\r\nX: \u{E9}\u{FF}\r\n\r\n", 200),
            ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
            ("GET /groups?after=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ]
    )
    func `unusual requests are understood`(request: String, status: Int) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(request)
            let response = try await connection.response()
            if status == 200 {
                #expect(response.status == 200)
            } else {
                try expectProblem(response, status)
            }
        }
    }

    @Test(arguments: ["/groups/b\u{FC}cher/events", "/groups?prefix=\u{E9}", "nowhere"])
    func `an address that is no URL is told so`(target: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try expectProblem(try await connection.response(), 400, "percent-encoded")
        }
    }
}
