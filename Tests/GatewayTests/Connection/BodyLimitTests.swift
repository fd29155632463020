import Broker
import Gateway
import Testing

/// Bodies that are too large: 413 without reading the rest, and the end of the connection.
@Suite(.timeLimit(.minutes(1)))
struct BodyLimitTests {
    private static let limits = MessageLog.Configuration(maximumMessageSize: 1000)

    @Test func `a body that nobody reads is bound to 64 KiB`() async throws {
        try await TestServer.run { server in
            let body = [UInt8](repeating: 0x78, count: (64 << 10) + 1)
            for (method, path) in [("DELETE", "/groups/g/messages/x-1"), ("GET", "/healthz")] {
                try expectProblem(try await server.request(method, path, body: body), 413, "65536")
            }
        }
    }

    @Test func `a message of exactly the limit is taken`() async throws {
        try await TestServer.run(log: Self.limits) { server async throws in
            let text = String(repeating: "x", count: 1000)
            #expect(try await server.post("/groups/test-group/messages", text).status == 201)
        }
    }

    @Test func `1 MiB is taken by default, and read by a stream`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let text = String(repeating: "0123456789abcde\n", count: 65_536)
            #expect(try await server.post("/groups/test-group/messages", text).status == 201)
            #expect(try await stream.event()?.data == text)
            try expectProblem(try await server.post("/groups/test-group/messages", text + "x"), 413)
        }
    }

    @Test(
        arguments: [
            "Content-Length: 1001", "Content-Length: 99999999999", "Content-Length: 9223372036854775807",
            "Content-Length: 9223372036854775808", "Content-Length: 18446744073709551614",
        ]
    )
    func `an announced length is refused before the body comes`(length: String) async throws {
        try await TestServer.run(log: Self.limits) { server in
            let connection = try await server.connect()
            await connection.send("POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\n\(length)\r\n\r\n")
            let response = try await connection.response()
            try expectProblem(response, 413, "1000 bytes", "--max-message-size")
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
            #expect(try await !connection.wasReset)
        }
    }

    @Test(arguments: [3, 12, 40])
    func `a client that is still sending reads the answer`(mebibytes: Int) async throws {
        try await TestServer.run(log: Self.limits) { server in
            let connection = try await server.connect()
            let body = [UInt8](repeating: 0x78, count: mebibytes << 20)
            await connection.send(TestServer.bytes("POST", "/groups/test-group/messages", body: body))
            let response = try await connection.response()
            try expectProblem(response, 413)
            #expect(try await connection.end().isEmpty)
            #expect(try await !connection.wasReset)
        }
    }

    @Test func `chunks over the limit are refused where they pass it`() async throws {
        try await TestServer.run(log: Self.limits) { server in
            let connection = try await server.connect()
            await connection.send(
                "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let chunk = "1f4\r\n" + String(repeating: "x", count: 500) + "\r\n"
            await connection.send(chunk + chunk + "1\r\nx\r\n")
            let response = try await connection.response()
            try expectProblem(response, 413)
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `chunks within the limit are one message`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(
                "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n"
            )
            #expect(try await connection.response().status == 201)
            #expect(try await server.get("/groups/test-group/messages").json(HistoryBody.self).data == ["abc"])
        }
    }

    @Test func `a trailer is no header field, and what the parser makes of Connection is no bad request`() async throws
    {
        try await TestServer.run { server in
            let connection = try await server.connect()
            let request =
                "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "1\r\na\r\n0\r\n"
            await connection.send(request + "Content-Type: image/png\r\n\r\n" + request + "Connection: close\r\n\r\n")
            await connection.send(request + "\r\n")
            #expect(try await connection.response().status == 201)
            let last = try await connection.response()
            #expect(last.status == 201)
            #expect(last.closes)
            #expect(try await connection.end().isEmpty)
            #expect(try await server.get("/groups/test-group/messages").json(HistoryBody.self).data == ["a", "a"])
        }
    }

    /// The body is within what a form may have, the data in it is not.
    @Test(
        arguments: [
            ("application/json", "{\"data\":\"", "\"}"),
            ("application/x-www-form-urlencoded", "data=", ""),
            (
                "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n",
                "\r\n--b--"
            ),
        ]
    )
    func `data over the limit closes the connection too`(type: String, before: String, after: String) async throws {
        try await TestServer.run(log: Self.limits) { server in
            let connection = try await server.connect()
            let body = before + String(repeating: "x", count: 1001) + after
            await connection.send(
                TestServer.text("POST", "/groups/test-group/messages", ["Content-Type: \(type)"], body)
            )
            let response = try await connection.response()
            try expectProblem(response, 413, "1001 bytes")
            #expect(response.closes)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a JSON body is bound by a limit of its own`() async throws {
        try await TestServer.run({ $0.maximumBodyBytes = 100 }) { server in
            let body = "{\"data\":1" + String(repeating: " ", count: 100) + "}"
            let response = try await server.post(
                "/groups/test-group/messages",
                ["Content-Type: application/json"],
                body
            )
            try expectProblem(response, 413, "100 bytes", "--max-body-size")
        }
    }
}
