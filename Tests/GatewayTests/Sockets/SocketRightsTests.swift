import Broker
import Foundation
import Testing

@testable import Gateway

/// Who gets a WebSocket, and what each of its frames may do.
@Suite(.timeLimit(.minutes(1)))
struct SocketRightsTests {
    private static func status(_ server: TestServer, _ path: String, _ headers: [String]) async throws -> Int {
        let connection = try await server.connect()
        await connection.send(TestServer.bytes("GET", path, SocketClient.handshake + headers))
        return try await connection.head().status
    }

    private static func bearer(_ token: String) -> [String] { ["Authorization: Bearer \(token)"] }

    @Test func `a token is judged before the upgrade`() async throws {
        try await AccessTableTests.run { server, _ async throws in
            for (headers, socket, stream) in [
                ([], 401, 401), (Self.bearer("nonsense"), 401, 401),
                (Self.bearer(TokenMaker.token(admin: true)), 403, 403),
                (Self.bearer(TokenMaker.token(subscribe: ["b"])), 101, 403),
                (Self.bearer(TokenMaker.token(publish: ["a"])), 101, 403),
                (Self.bearer(TokenMaker.token(subscribe: ["a"])), 101, 101),
                (Self.bearer(TokenMaker.token(subscribe: ["a"], expires: -1)), 401, 401),
                (Self.bearer("nonsense") + ["Origin: https://evil.example"], 401, 401),
                (["Origin: https://evil.example"], 403, 403),
            ] {
                #expect(try await Self.status(server, "/socket", headers) == socket, "\(headers)")
                #expect(try await Self.status(server, "/groups/a/events", headers) == stream, "\(headers)")
                #expect(try await Self.status(server, "/events?group=a", headers) == stream, "\(headers)")
            }
        }
    }

    @Test func `a token may come as a subprotocol, and is not answered`() async throws {
        try await AccessTableTests.run { server, _ async throws in
            let token = TokenMaker.token(subscribe: ["a"])
            for offered in ["notify.v1, notify.token.\(token)", "notify.token.\(token), notify.v1"] {
                let socket = try await server.socket("/socket", ["Sec-WebSocket-Protocol: \(offered)"])
                #expect(socket.head["sec-websocket-protocol"] == "notify.v1")
                #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["a"]}}"#).subscribed == "x")
            }
            let alone = try await server.socket("/groups/a/events", ["Sec-WebSocket-Protocol: notify.token.\(token)"])
            #expect(alone.head["sec-websocket-protocol"] == nil)
            for offered in ["notify.token.x", "notify.token.", "notify.token.\(token), notify.token.\(token)"] {
                #expect(
                    try await Self.status(server, "/socket", ["Sec-WebSocket-Protocol: notify.v1, \(offered)"]) == 401
                )
            }
            // It is no way in for other requests.
            let request = try await server.get("/groups/a", ["Sec-WebSocket-Protocol: notify.token.\(token)"])
            #expect(request.status == 401)
        }
    }

    @Test func `each frame needs its right`() async throws {
        try await AccessTableTests.run({ $0.access.anonymousSubscribe = ["news.*"] }) { server, _ async throws in
            let token = TokenMaker.token(publish: ["in"], subscribe: ["a.*"])
            let socket = try await server.socket("/socket", Self.bearer(token))
            for (frame, status) in [
                (#"{"subscribe":{"name":"x","groups":["b"]}}"#, 403),
                (#"{"subscribe":{"name":"x","groups":["a.b","b"]}}"#, 403),
                // A right that lacks comes before what else is wrong.
                (#"{"subscribe":{"name":"x","groups":["b","a b"]}}"#, 403),
                (#"{"subscribe":{"name":"x","groups":["b"],"since":"nonsense"}}"#, 403),
                (#"{"subscribe":{"groups":["b"]}}"#, 403), (#"{"subscribe":{"name":"x","match":["*"]}}"#, 403),
                (#"{"subscribe":{"name":"x","match":["a*"]}}"#, 403), (#"{"publish":{"group":"a.b","data":"x"}}"#, 403),
                (#"{"publish":{"group":"a.b"}}"#, 403),
                (#"{"publish":{"group":"a.b","data":"x","persist":false}}"#, 403),
                (#"{"subscribe":{"name":"x","groups":["a.b","a b"]}}"#, 400),
            ] {
                #expect(try await socket.ask(frame).error?.status == status, "\(frame)")
            }
            #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["a.b","news.x"]}}"#).subscribed == "x")
            #expect(try await socket.ask(#"{"publish":{"group":"in","data":"x"}}"#).published == true)

            let anonymous = try await server.socket()
            #expect(try await anonymous.ask(#"{"subscribe":{"name":"x","groups":["news.x"]}}"#).subscribed == "x")
            #expect(try await anonymous.ask(#"{"subscribe":{"name":"y","groups":["a.b"]}}"#).error?.status == 401)
            #expect(try await anonymous.ask(#"{"publish":{"group":"news.x","data":"x"}}"#).error?.status == 401)
        }
    }

    @Test func `a token that ends, ends its socket`() async throws {
        try await AccessTableTests.run { server, _ async throws in
            let headers = Self.bearer(TokenMaker.token(subscribe: ["a"], expires: 1.5))
            let sockets = [
                try await server.socket("/socket", headers), try await server.socket("/groups/a/events", headers),
            ]
            for socket in sockets {
                let close = try await socket.closed()
                #expect(close.closeCode == 1008)
                #expect(close.closeReason.contains("token"))
                #expect(try await socket.frame() == nil)
            }
            #expect(try await Self.status(server, "/socket", headers) == 401)
        }
    }

    @Test func `a key that goes, ends its sockets`() async throws {
        try await AccessTableTests.run { server, folder async throws in
            let socket = try await server.socket("/socket", Self.bearer(TokenMaker.token(subscribe: ["a"])))
            #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["a"]}}"#).subscribed == "x")
            try Data(String(repeating: "n", count: 40).utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            #expect(try await server.gateway.reload()?.gone == 1)
            #expect(try await socket.closed().closeCode == 1008)
        }
    }

    @Test func `a user has so many sockets and streams`() async throws {
        try await AccessTableTests.run({ $0.maximumStreamsPerUser = 2 }) { server, _ async throws in
            let headers = Self.bearer(TokenMaker.token(subscribe: ["a"]))
            let first = try await server.socket("/socket", headers)
            // All of its subscriptions are one.
            #expect(try await first.ask(#"{"subscribe":{"name":"x","groups":["a"]}}"#).subscribed == "x")
            _ = try await server.stream("/groups/a/events", headers)
            let refused = try await server.socket("/socket", headers)
            let close = try await refused.closed()
            #expect(close.closeCode == 1013)
            #expect(close.closeReason.hasPrefix("retry="))
            await first.send(PeerFrame.close(1000))
            #expect(try await first.closed().closeCode == 1000)
            #expect(try await first.frame() == nil)
            await first.connection.close()
            try await eventually { server.gateway.counters.sockets.value == 0 }
            let next = try await server.socket("/socket", headers)
            #expect(try await next.ask(#"{"subscribe":{"name":"x","groups":["a"]}}"#).subscribed == "x")
        }
    }
}
