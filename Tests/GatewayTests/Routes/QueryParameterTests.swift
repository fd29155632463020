import Broker
import Testing

/// The parameters of queries.
@Suite(.timeLimit(.minutes(1)))
struct QueryParameterTests {
    @Test(
        arguments: [
            ("GET", "/groups/test-group/events?sinse=all", "since"),
            ("GET", "/groups/test-group/events?group=a", "since"),
            ("HEAD", "/groups/test-group/events?sinse=all", ""),
            ("GET", "/events?group=a&lastEventId=x-1", "last_event_id"), ("GET", "/events?Group=a", "group"),
            ("GET", "/groups/test-group/messages?limt=1", "limit"),
            ("GET", "/groups/test-group/messages?last=1", "limit"),
            ("GET", "/groups/test-group/messages/abc-1?limit=1", "no other"),
            ("DELETE", "/groups/test-group/messages/abc-1?limit=1", "no other"),
            ("GET", "/groups?prefx=a", "prefix"), ("GET", "/groups/test-group?limit=1", "no other"),
            ("POST", "/groups/test-group/messages?presist=false", "persist"),
            ("POST", "/groups/test-group/messages?data=x", "event"), ("POST", "/messages?persit=true", "persist"),
            ("GET", "/groups?=a", "prefix"), ("GET", "/groups?limit%CC%81=1", "limit"),
        ]
    )
    func `a misspelt parameter is 400, and those there are named`(method: String, path: String, name: String)
        async throws
    {
        try await TestServer.run { server in
            let body = method == "POST" ? Array("x".utf8) : nil
            let response = try await server.request(method, path, body: body)
            #expect(response.status == 400)
            if method != "HEAD" { try expectProblem(response, 400, "parameter", name) }
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test(arguments: ["/groups/a/events?since=all&since=latest", "/groups/a/messages?limit=1&limit=2"])
    func `a parameter that comes twice is 400`(path: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get(path), 400, "comes twice")
        }
    }

    @Test(arguments: ["/groups/a/messages?access_token=x", "/events?group=a&access_token=x"])
    func `a token in the address is refused unless it is allowed there`(path: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get(path), 400, "--allow-query-token", "Authorization")
        }
    }

    @Test(
        arguments: [
            (["Accept: application/json"], 200), (["Connection: Upgrade", "Upgrade: websocket"], 426),
            (["Connection: Upgrade", "Upgrade: h2c, WebSocket"], 426),
            (["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"], 200),
        ]
    )
    func `a stream in other clothes is begun, or refused`(headers: [String], status: Int) async throws {
        try await TestServer.run { server in
            for path in ["/events?group=test-group", "/groups/test-group/events"] {
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", path, headers))
                #expect(try await connection.head().status == status)
            }
        }
    }
}
