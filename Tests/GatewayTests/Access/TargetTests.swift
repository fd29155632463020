import Broker
import NIOHTTP1
import Testing

@testable import Gateway

/// The forms of a request's target (RFC 9112 §3.2).
@Suite(.timeLimit(.minutes(1)))
struct TargetTests {
    @Test(
        arguments: [
            ("/a?b", .GET, "/a?b", "localhost"), ("http://other:1/a?b", .GET, "/a?b", "other:1"),
            ("http://other", .GET, "/", "other"), ("HTTPS://other?a=b", .GET, "/?a=b", "other"),
            ("http://other", .OPTIONS, "*", "other"), ("http://other/", .OPTIONS, "/", "other"),
            ("*", .OPTIONS, "*", "localhost"), ("//a", .GET, "//a", "localhost"),
            ("/http://x", .GET, "/http://x", "localhost"), ("other:80", .CONNECT, "other:80", "localhost"),
        ] as [(String, HTTPMethod, String, String)]
    )
    func `an absolute target brings its own host`(uri: String, method: HTTPMethod, path: String, host: String) {
        let received = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: ["Host": "localhost"])
        let (head, problem) = received.inOriginForm()
        #expect(problem == nil)
        #expect(head.uri == path)
        #expect(head.headers["host"] == [host])
    }

    @Test(
        arguments: [
            ("POST http://evil.example/groups/a/messages", "localhost", 403),
            ("POST http://localhost/groups/a/messages", "evil.example", 201),
            ("GET http://localhost:1/healthz", "evil.example:80", 200),
            ("GET ftp://localhost/healthz", "localhost", 400), ("GET ws://localhost/healthz", "localhost", 400),
            ("GET http:///healthz", "localhost", 400), ("GET http://a@localhost/healthz", "localhost", 400),
            ("GET http://localhost/healthz", "a b", 400), ("GET http://localhost/healthz", "", 200),
        ]
    )
    func `the authority of the target counts, not the host`(line: String, host: String, status: Int) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("\(line) HTTP/1.1\r\nHost: \(host)\r\nContent-Length: 1\r\n\r\nx")
            let response = try await connection.response()
            #expect(response.status == status, "\(response.text)")
            #expect(server.log.frontier.sequence == (status == 201 ? 1 : 0))
        }
    }

    @Test func `an absolute target needs one host all the same`() async throws {
        try await TestServer.run { server in
            for hosts in ["", "Host: localhost\r\nHost: localhost\r\n"] {
                let connection = try await server.connect()
                await connection.send("GET http://localhost/healthz HTTP/1.1\r\n\(hosts)\r\n")
                try expectProblem(try await connection.response(), 400, "Host")
            }
        }
    }

    @Test(arguments: ["*", "http://localhost"])
    func `OPTIONS of the server as a whole is answered`(target: String) async throws {
        try await TestServer.run { server in
            let response = try await server.request("OPTIONS", target)
            #expect(response.status == 204)
            #expect(response["allow"] == "DELETE, GET, HEAD, OPTIONS, POST")
            try expectProblem(try await server.request("OPTIONS", target, ["Host: a b"]), 400)
        }
    }
}
