import Gateway
import Testing

/// The port for those who run the server.
@Suite(.timeLimit(.minutes(1)))
struct OperationsPortTests {
    private static func get(_ path: String, on port: Int?, _ headers: [String] = []) async throws -> RawResponse {
        let connection = try await RawConnection.open(port: try #require(port))
        await connection.send(TestServer.bytes("GET", path, headers))
        let response = try await connection.response()
        await connection.close()
        return response
    }

    @Test func `figures and health, and nothing else`() async throws {
        try await TestServer.run({ $0.operationsPort = 0 }) { server in
            let port = server.gateway.operationsPort
            #expect(port != server.port)
            #expect(try await Self.get("/healthz", on: port).status == 200)
            #expect(try await Self.get("/metrics", on: port).text.contains("notify_connections "))
            for path in ["/groups", "/groups/a/events", "/", "/events?group=a", "/healthz/x", "/metrics/"] {
                try expectProblem(try await Self.get(path, on: port), 404, "--operations-port")
            }
        }
    }

    @Test func `pages of other sites may not read it`() async throws {
        try await TestServer.run({ $0.operationsPort = 0 }) { server in
            let port = server.gateway.operationsPort
            try expectProblem(try await Self.get("/metrics", on: port, ["Origin: https://evil.example"]), 403)
            try expectProblem(try await Self.get("/metrics", on: port, ["Host: evil.example"]), 403)
        }
        // Also where the server answers to every name on its port.
        try await TestServer.run({ ($0.operationsPort, $0.host, $0.allowsPublicHost) = (0, "0.0.0.0", true) }) {
            server in
            let port = server.gateway.operationsPort
            try expectProblem(try await Self.get("/metrics", on: port, ["Host: evil.example"]), 403, "localhost")
            #expect(try await Self.get("/metrics", on: port, ["Host: [::1]:9"]).status == 200)
        }
    }

    @Test func `a server that is full can be looked at`() async throws {
        try await TestServer.run({ ($0.operationsPort, $0.maximumConnections) = (0, 1) }) { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            try expectProblem(try await server.get("/healthz"), 503)
            #expect(try await Self.get("/healthz", on: server.gateway.operationsPort).status == 200)
        }
    }
}
