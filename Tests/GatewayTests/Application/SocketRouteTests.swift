import Broker
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Testing

@testable import Gateway

/// WebSockets on an application's own paths.
@Suite(.timeLimit(.minutes(1)))
struct SocketRouteTests {
    private static func run(
        end: StreamEnd? = nil,
        _ handle: @escaping @Sendable (WebSocket) async throws -> Void,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await run({ _ in }, end: end, handle, body)
    }

    private static func run(
        _ configure: (inout GatewayConfiguration) -> Void,
        end: StreamEnd? = nil,
        _ handle: @escaping @Sendable (WebSocket) async throws -> Void,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let route = SocketRoute(path: "/ws/") { request in
            guard request.headerFields[.cookie] == "user=a" else {
                throw HTTPError(.forbidden, message: "Sign in first.")
            }
            return SocketGrant(user: "a", end: end, handle: handle)
        }
        try await TestServer.run(configure, sockets: [route], body)
    }

    private static func open(_ server: TestServer) async throws -> SocketClient {
        try await server.socket("/ws", ["Cookie: user=a"])
    }

    @Test func `whoever is refused has no WebSocket`() async throws {
        try await Self.run { _ in
        } _: { server in
            await #expect {
                _ = try await server.socket("/ws")
            } throws: {
                ($0 as? SocketClient.Refused)?.response.status == 403
            }
            let plain = try await server.get("/ws", ["Cookie: user=a"])
            #expect(plain.status == 426)
            #expect(try await server.post("/ws", "x").status == 405)
            #expect(try await server.get("/ws", ["Cookie: user=a", "Origin: http://elsewhere.example"]).status == 403)
        }
    }

    @Test func `what a client sends right before its close is the program's`() async throws {
        let (texts, got) = AsyncStream<[String]>.makeStream()
        try await Self.run { socket in
            // The close has come before the first message is taken.
            while (try? await socket.send("?")) != nil { await Task.yield() }
            var all: [String] = []
            for await text in socket.messages { all.append(text) }
            got.yield(all)
        } _: { server in
            let client = try await Self.open(server)
            await client.send(PeerFrame.text("a"), PeerFrame.text("b"), PeerFrame.text("c"), PeerFrame.close(1000))
            var iterator = texts.makeAsyncIterator()
            #expect(await iterator.next() == ["a", "b", "c"])
        }
    }

    @Test func `messages go in both directions, in order`() async throws {
        try await Self.run { socket in
            for await text in socket.messages {
                try await socket.send("echo \(text)")
                if text == "99" { break }
            }
        } _: { server in
            let client = try await Self.open(server)
            #expect(client.head["sec-websocket-protocol"] == nil)
            for number in 0..<100 { await client.send(PeerFrame.text("\(number)")) }
            for number in 0..<100 { #expect(try await client.text() == "echo \(number)") }
            // The program has ended.
            #expect(try await client.closed().closeCode == 1000)
        }
    }

    @Test func `the program closes with a code of its own, after what it has sent`() async throws {
        try await Self.run { socket in
            try await socket.send("last")
            socket.close(CloseCode(application: 4001) ?? .normal, reason: "enough")
        } _: { server in
            let client = try await Self.open(server)
            #expect(try await client.text() == "last")
            let close = try await client.closed()
            #expect(close.closeCode == 4001 && close.closeReason == "enough")
        }
    }

    @Test func `a program that fails closes with 1011`() async throws {
        struct Failure: Error {}
        try await Self.run { _ in
            throw Failure()
        } _: { server in
            let close = try await Self.open(server).closed()
            #expect(close.closeCode == 1011)
        }
    }

    @Test func `a client that goes away ends the messages and cancels the program`() async throws {
        let ends = Atomic<Int>(0)
        try await Self.run { socket in
            for await _ in socket.messages {}
            if Task.isCancelled { ends.wrappingAdd(1, ordering: .releasing) }
        } _: { server in
            let client = try await Self.open(server)
            await client.send(PeerFrame.text("x"))
            await client.connection.close()
            try await eventually { ends.load(ordering: .acquiring) == 1 }
            try await eventually { server.gateway.counters.sockets.value == 0 }
        }
    }

    @Test func `the end of its session closes it, and lets none begin`() async throws {
        let end = StreamEnd()
        try await Self.run(end: end) { socket in
            for await _ in socket.messages {}
        } _: { server in
            let client = try await Self.open(server)
            await end.end()
            #expect(try await client.closed().closeCode == 1008)
            #expect(try await Self.open(server).closed().closeCode == 1008)
        }
    }

    @Test func `when the server stops it is closed with 1001`() async throws {
        try await Self.run {
            $0.grace = .seconds(20)
        } _: { socket in
            for await _ in socket.messages {}
        } _: { server in
            let client = try await Self.open(server)
            async let stop: Void = server.gateway.stop()
            #expect(try await client.closed().closeCode == 1001)
            await client.connection.close()
            await stop
        }
    }

    @Test func `a program that takes nothing holds its client, and loses nothing`() async throws {
        let (goOn, gate) = AsyncStream<Void>.makeStream()
        let text = String(repeating: "x", count: 60_000)
        let count = 400
        try await Self.run { socket in
            for await _ in goOn { break }
            var taken = 0
            for await message in socket.messages {
                guard message.utf8.count == 60_000 else { break }
                taken += 1
                if taken == count { break }
            }
            try await socket.send("\(taken)")
        } _: { server in
            let client = try await Self.open(server)
            for _ in 0..<count { await client.send(PeerFrame.text(text)) }
            let held = try await settled { server.gateway.metrics.heldBodies }
            #expect(held >= 60_000 && held < 600_000)
            gate.yield()
            #expect(try await client.text() == "\(count)")
        }
    }

    @Test func `sending waits for a client that reads nothing`() async throws {
        let sent = Atomic<Int>(0)
        let text = String(repeating: "y", count: 10_000)
        try await Self.run { socket in
            while true {
                try await socket.send(text)
                sent.wrappingAdd(10_000, ordering: .acquiringAndReleasing)
            }
        } _: { server in
            let connection = try await server.connect(receiveBuffer: 4096)
            try await connection.stopReading()
            await connection.send(TestServer.bytes("GET", "/ws", SocketClient.handshake + ["Cookie: user=a"]))
            let bytes = try await settled { sent.load(ordering: .acquiring) }
            #expect(bytes > 0 && bytes < 8 << 20)
            try await connection.startReading()
            try await eventually { sent.load(ordering: .acquiring) > bytes + 1 << 20 }
        }
    }
}

extension GatewayMetrics {
    /// Bytes of requests, and of the messages of WebSockets, that nobody has taken.
    fileprivate var heldBodies: Int { shared.bodies.used }
}
