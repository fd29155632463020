import Gateway
import Testing

/// Clients of HTTP/1.0: no `Host`, no chunks, no kept connection.
@Suite(.timeLimit(.minutes(1)))
struct HTTP10Tests {
    @Test func `a publish is answered and the connection ends`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("POST /groups/test-group/messages HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
            let response = try await connection.response()
            #expect(response.status == 201)
            #expect(!response.isChunked)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `keep-alive is granted where it is asked for`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            for _ in 1...2 {
                await connection.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                let response = try await connection.response()
                #expect(response.status == 200)
                #expect(response["connection"] == "keep-alive")
            }
        }
    }

    @Test func `what follows a body in chunks is no second request`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(
                "POST /groups/test-group/messages HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "2\r\nhi\r\n0\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n"
            )
            let response = try await connection.response()
            #expect(response.status == 201)
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a stream has no chunks and ends with the connection`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send("GET /groups/test-group/events?since=all HTTP/1.0\r\n\r\n")
            let stream = try await EventReader(connection)
            #expect(stream.head.status == 200)
            #expect(stream.head["transfer-encoding"] == nil)
            #expect(stream.head.closes)
            #expect(try await stream.event()?.type == "stream-open")
            try await server.publish("a\nb", "c")
            #expect(try await stream.events(2).map(\.data) == ["a\nb", "c"])
            async let stop: Void = server.gateway.stop()
            let rest = try await stream.rest()
            guard case .retry? = rest.last, rest.count == 1 else {
                Issue.record("\(rest)")
                return
            }
            await stop
        }
    }

    @Test func `a replay has no chunks either`() async throws {
        try await TestServer.run { server in
            try await server.publish("a", "b", "c")
            let connection = try await server.connect()
            await connection.send("GET /groups/test-group/events?last=2 HTTP/1.0\r\n\r\n")
            let stream = try await EventReader(connection)
            _ = try await stream.event()
            #expect(try await stream.events(2).map(\.data) == ["b", "c"])
        }
    }
}
