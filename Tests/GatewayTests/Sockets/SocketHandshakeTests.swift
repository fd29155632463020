import Testing

@testable import Gateway

/// How a connection becomes a WebSocket, and what does not become one.
@Suite(.timeLimit(.minutes(1)))
struct SocketHandshakeTests {
    private static func answer(_ server: TestServer, _ path: String, _ headers: [String], _ method: String = "GET")
        async throws -> RawResponse
    {
        let connection = try await server.connect()
        await connection.send(TestServer.bytes(method, path, headers))
        return try await connection.head()
    }

    private static func without(_ name: String, _ others: String...) -> [String] {
        SocketClient.handshake.filter { !$0.hasPrefix(name) } + others
    }

    @Test func `the answer proves that the handshake was understood, and agrees on no extension`() async throws {
        try await TestServer.run { server async throws in
            let extensions = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
            let answer = try await Self.answer(server, "/socket", SocketClient.handshake + [extensions])
            #expect(answer.status == 101)
            #expect(answer["sec-websocket-accept"] == SocketClient.accept)
            #expect(answer["upgrade"] == "websocket")
            #expect(answer["connection"] == "Upgrade")
            #expect(answer["sec-websocket-protocol"] == nil)
            #expect(answer["sec-websocket-extensions"] == nil)
            #expect(answer["content-length"] == nil)
            #expect(answer["transfer-encoding"] == nil)
        }
    }

    @Test(arguments: [("notify.v1", true), ("other, notify.v1", true), ("other", false), ("notify.token.x", false)])
    func `the one subprotocol is answered where it is offered`(offered: String, isAnswered: Bool) async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket("/socket", ["Sec-WebSocket-Protocol: \(offered)"])
            #expect(socket.head["sec-websocket-protocol"] == (isAnswered ? "notify.v1" : nil))
            #expect(try await socket.ask(#"{"ping":1}"#).error == nil)
        }
    }

    @Test func `what is no handshake is refused`() async throws {
        try await TestServer.run { server async throws in
            let cases: [([String], Int)] = [
                ([], 426), (Self.without("Upgrade"), 426), (Self.without("Upgrade", "Upgrade: h2c"), 426),
                (Self.without("Connection", "Connection: keep-alive"), 426),
                (Self.without("Sec-WebSocket-Version"), 426),
                (Self.without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426),
                (Self.without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"), 426),
                (Self.without("Sec-WebSocket-Key"), 400),
                (Self.without("Sec-WebSocket-Key", "Sec-WebSocket-Key: x"), 400),
                (Self.without("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA"), 400),
                (SocketClient.handshake + ["Sec-WebSocket-Key: \(SocketClient.key)"], 400),
                (SocketClient.handshake + ["Content-Length: 1"], 400),
            ]
            for (headers, status) in cases {
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", "/socket", headers))
                if headers.last == "Content-Length: 1" { await connection.send("x") }
                let answer = try await connection.response(to: "GET")
                #expect(answer.status == status, "\(headers)")
                guard status == 426 else { continue }
                #expect(answer["upgrade"] == "websocket")
                let isOfVersion = headers.contains { $0.hasPrefix("Sec-WebSocket-Key") } && headers.count != 3
                if isOfVersion, headers.contains("Upgrade: websocket"),
                    headers.contains("Connection: keep-alive, Upgrade")
                {
                    #expect(answer["sec-websocket-version"] == "13")
                }
            }
            try expectProblem(try await server.get("/socket"), 426, "new WebSocket")
            #expect(
                try await server.get("/socket", Self.without("Sec-WebSocket-Version"))["sec-websocket-version"] == "13"
            )
            #expect(try await Self.answer(server, "/socket", SocketClient.handshake, "HEAD").status == 426)
            #expect(try await server.request("POST", "/socket", SocketClient.handshake).status == 405)
            #expect(try await Self.answer(server, "/socket?x=1", SocketClient.handshake).status == 400)
            let old = try await server.connect()
            await old.send("GET /socket HTTP/1.0\r\n" + SocketClient.handshake.joined(separator: "\r\n") + "\r\n\r\n")
            #expect(try await old.head().status == 426)
        }
    }

    @Test func `a request before it on the same connection, and frames right behind it, are all taken`() async throws {
        try await TestServer.run { server async throws in
            let connection = try await server.connect()
            var bytes = TestServer.bytes("GET", "/healthz") + TestServer.bytes("GET", "/socket", SocketClient.handshake)
            for number in 0..<3 { bytes += PeerFrame.text("{\"ping\":\(number)}").bytes() }
            bytes += PeerFrame.text(#"{"ping":3}"#).bytes().dropLast(4)
            await connection.send(bytes)
            #expect(try await connection.response(to: "GET").status == 200)
            let socket = try await SocketClient(connection)
            for number in 0..<3 { #expect(try await socket.text() == "{\"pong\":\(number)}") }
            await connection.send(Array(PeerFrame.text(#"{"ping":3}"#).bytes().suffix(4)))
            #expect(try await socket.text() == #"{"pong":3}"#)
        }
    }

    @Test func `what a stream would refuse, the upgrade of its address refuses`() async throws {
        try await TestServer.run { server async throws in
            for (path, status) in [
                ("/events", 400), ("/events?group=a&since=nonsense", 400), ("/groups/a%20b/events", 400),
                ("/groups/a/events?x=1", 400), ("/groups/a/events?last=x", 400), ("/nowhere", 404),
                ("/groups/a/messages", 200),
            ] {
                #expect(try await Self.answer(server, path, SocketClient.handshake).status == status, "\(path)")
            }
        }
    }

    @Test func `a foreign host or origin gets no socket`() async throws {
        try await TestServer.run { server async throws in
            for header in ["Host: example.org", "Origin: https://evil.example"] {
                for path in ["/socket", "/groups/a/events"] {
                    let answer = try await Self.answer(server, path, SocketClient.handshake + [header])
                    #expect(answer.status == 403)
                }
            }
            let own = try await Self.answer(
                server,
                "/socket",
                SocketClient.handshake + ["Host: localhost", "Origin: http://localhost"]
            )
            #expect(own.status == 101)
        }
    }
}
