import Broker
import Gateway
import HTTPTypes
import Hummingbird
import Testing

/// Who may come: `Host`, `Origin`, preflights.
@Suite(.timeLimit(.minutes(1)))
struct AccessTests {
    private static let paths = [
        "/healthz", "/groups/test-group/messages", "/groups/test-group/events?last=x", "/nowhere",
    ]

    @Test(
        arguments: [
            "localhost", "localhost.", "\tlocalhost\t", "LOCALHOST:8080", "app.localhost", "127.0.0.1", "127.0.0.1:80",
            "127.1.2.3", "[::1]",
            "[::1]:8080",
        ]
    )
    func `hosts of this machine are answered`(host: String) async throws {
        try await TestServer.run { server async throws in
            #expect(try await server.get("/healthz", ["Host: \(host)"]).status == 200)
        }
    }

    @Test(
        arguments: [
            "example.org", "localhost.example.org", "127.0.0.1.example.org", "127.0.0.256", "10.0.0.1", "0.0.0.0",
            "[::2]",
            "notlocalhost", "", "example.org:80",
        ]
    )
    func `other hosts are 403`(host: String) async throws {
        try await TestServer.run { server in
            for path in Self.paths {
                try expectProblem(try await server.get(path, ["Host: \(host)"]), 403, "--allow-host", "proxy")
            }
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `the configured host is answered`() async throws {
        try await TestServer.run({ ($0.host, $0.allowsPublicHost) = ("0.0.0.0", true) }) { server async throws in
            #expect(try await server.get("/healthz", ["Host: anything.example.org"]).status == 200)
        }
    }

    @Test(arguments: [
        "GET /healthz HTTP/1.1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    ])
    func `HTTP 1.1 needs one host`(request: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(request)
            try expectProblem(try await connection.response(), 400, "Host")
        }
    }

    @Test func `HTTP 1.0 needs none`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("GET /healthz HTTP/1.0\r\n\r\n")
            #expect(try await connection.response().status == 200)
            let foreign = try await server.connect()
            await foreign.send("GET /healthz HTTP/1.0\r\nHost: example.org\r\n\r\n")
            try expectProblem(try await foreign.response(), 403)
        }
    }

    @Test(
        arguments: [
            "https://example.org", "null", "http://localhost:81", "https://localhost:80",
            "http://127.0.0.1:80",
            "http://localhost:80.example.org", "",
        ]
    )
    func `other origins are 403`(origin: String) async throws {
        try await TestServer.run { server in
            let headers = ["Host: localhost:80", "Origin: \(origin)"]
            for path in Self.paths {
                let response = try await server.get(path, headers)
                try expectProblem(response, 403, "--allow-origin")
                #expect(response["access-control-allow-origin"] == nil)
                #expect(response["vary"] == nil)
            }
            try expectProblem(try await server.post("/groups/test-group/messages", headers, "x"), 403)
            try expectProblem(try await server.request("OPTIONS", "/groups/test-group/messages", headers), 403)
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `the page's own origin is admitted`() async throws {
        try await TestServer.run { server async throws in
            for origin in ["http://localhost:80", "http://localhost"] {
                let headers = ["Host: localhost:80", "Origin: \(origin)"]
                #expect(try await server.post("/groups/test-group/messages", headers, "x").status == 201)
            }
        }
    }

    @Test func `an allowed origin is told so, on answers and streams`() async throws {
        let origin = "https://example.org"
        try await TestServer.run({ $0.allowedOrigins = [origin] }) { server in
            let created = try await server.post("/groups/test-group/messages", ["Origin: \(origin)"], "x")
            #expect(created.status == 201)
            let stream = try await server.stream("/groups/test-group/events", ["Origin: \(origin)"])
            #expect(try await stream.event()?.type == "stream-open")
            let refused = try await server.get("/nowhere", ["Origin: \(origin)"])
            for answer in [created, stream.head, refused] {
                #expect(answer["access-control-allow-origin"] == origin)
                #expect(answer["access-control-allow-credentials"] == "true")
                #expect(answer["vary"]?.hasSuffix("origin") == true)
                #expect(answer["access-control-expose-headers"]?.contains("location") == true)
            }
            for other in ["https://example.org.evil.org", "http://example.org", "https://example.org:444", "null"] {
                try expectProblem(try await server.get("/healthz", ["Origin: \(other)"]), 403)
            }
            // Who sends no origin is told nothing, but that there are such.
            #expect(try await server.get("/healthz")["access-control-allow-origin"] == nil)
            #expect(try await server.stream().head["vary"] == "Accept, origin")
            for path in ["/healthz", "/nowhere", "/groups/%00/messages"] {
                #expect(try await server.get(path)["vary"] == "origin")
            }
            #expect(try await server.get("/healthz", ["Origin: https://other.org"])["vary"] == "origin")
            #expect(try await server.request("OPTIONS", "*")["vary"] == "origin")
        }
    }

    @Test func `all origins are allowed without credentials`() async throws {
        try await TestServer.run({ $0.allowedOrigins = ["*"] }) { server in
            for origin in ["https://example.org", "null"] {
                let response = try await server.get("/healthz", ["Origin: \(origin)"])
                #expect(response.status == 200)
                #expect(response["access-control-allow-origin"] == "*")
                #expect(response["access-control-allow-credentials"] == nil)
                #expect(response["vary"] == "origin")
                #expect(response["access-control-expose-headers"]?.contains("location") == true)
            }
        }
    }

    @Test(arguments: ["/groups/test-group/messages", "/groups/test-group/events", "/events", "/groups", "/messages"])
    func `a preflight is answered`(path: String) async throws {
        try await TestServer.run({ $0.allowedOrigins = ["https://example.org"] }) { server in
            let response = try await server.request(
                "OPTIONS",
                path,
                [
                    "Origin: https://example.org", "Access-Control-Request-Method: POST",
                    "Access-Control-Request-Headers: content-type, last-event-id",
                ]
            )
            #expect(response.status == 204)
            #expect(response["access-control-allow-origin"] == "https://example.org")
            let methods = try #require(response["access-control-allow-methods"])
            for method in ["GET", "POST", "DELETE"] { #expect(methods.contains(method)) }
            let headers = try #require(response["access-control-allow-headers"])
            for header in [
                "content-type", "last-event-id", "idempotency-key", "cache-control", "pragma", "x-requested-with",
            ] { #expect(headers.contains(header)) }
            #expect(response["access-control-max-age"] != nil)
            #expect(response["content-length"] == nil)
        }
    }

    @Test func `what else an answer depends on stays in its Vary`() async throws {
        let router = Router(context: GatewayContext.self)
        router.page("/page/", needs: .nothing, [.get: { _, _ in Response(status: .ok, headers: [.vary: "Cookie"]) }])
        try await TestServer.run({ $0.allowedOrigins = ["https://example.org"] }, router: router) { server in
            let response = try await server.get("/page/")
            #expect(response.headers.filter { $0.name == "vary" }.map(\.value) == ["Cookie, origin"])
        }
    }

    @Test func `a page without an origin is told what permits it`() async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get("/healthz", ["Origin: null"]), 403, "--allow-origin '*'")
        }
    }
}
