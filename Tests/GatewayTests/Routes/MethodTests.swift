import Testing

/// Unknown paths, and known paths with other methods.
@Suite(.timeLimit(.minutes(1)))
struct MethodTests {
    private static let known: [(path: String, allowed: [String])] = [
        ("/groups/test-group/messages", ["DELETE", "GET", "HEAD", "OPTIONS", "POST"]),
        ("/groups/test-group/messages/abc-1", ["DELETE", "GET", "HEAD", "OPTIONS"]),
        ("/groups/test-group/events", ["GET", "HEAD", "OPTIONS"]),
        ("/groups/test-group", ["GET", "HEAD", "OPTIONS"]),
        ("/groups", ["GET", "HEAD", "OPTIONS"]),
        ("/events", ["GET", "HEAD", "OPTIONS"]),
        ("/messages", ["GET", "HEAD", "OPTIONS", "POST"]),
        ("/healthz", ["GET", "HEAD", "OPTIONS"]),
        ("/openapi.yaml", ["GET", "HEAD", "OPTIONS"]),
    ]

    @Test(arguments: known)
    func `another method is 405 and tells which there are`(path: String, allowed: [String]) async throws {
        try await TestServer.run { server in
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "PURGE", "QUERY", "M-SEARCH"]
            where !allowed.contains(method) {
                let response = try await server.request(method, path, body: method == "TRACE" ? nil : Array("x".utf8))
                try expectProblem(response, 405, method.replacing("M-", with: "M"))
                #expect(response["allow"] == allowed.joined(separator: ", "))
            }
        }
    }

    @Test(arguments: known)
    func `OPTIONS tells them too`(path: String, allowed: [String]) async throws {
        try await TestServer.run { server in
            let response = try await server.request("OPTIONS", path)
            #expect(response.status == 204)
            #expect(response["allow"] == allowed.joined(separator: ", "))
        }
    }

    @Test(
        arguments: ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"],
        [
            "/nowhere", "/groups/a/b", "/groups/a/messages/b/c", "/Groups", "/events/a", "/..", "/%2e%2e/etc/passwd",
            "//",
        ]
    )
    func `an unknown path is 404`(method: String, path: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.request(method, path), 404)
        }
    }

    @Test func `HEAD answers as GET, without the body`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            for path in ["/healthz", "/groups", "/groups/a", "/groups/a/messages", "/nowhere", "/groups/a/messages/b"] {
                await connection.send(TestServer.text("HEAD", path))
                let head = try await connection.response(to: "HEAD")
                await connection.send(TestServer.text("GET", path))
                let get = try await connection.response()
                #expect(head.status == get.status)
                #expect(head["content-type"] == get["content-type"])
                #expect(head["content-length"] == get["content-length"])
            }
        }
    }

    @Test func `the process answers`() async throws {
        try await TestServer.run { server in
            let response = try await server.get("/healthz")
            #expect(response.status == 200)
            #expect(response.text == "{\"status\":\"ok\"}\n")
        }
    }
}
