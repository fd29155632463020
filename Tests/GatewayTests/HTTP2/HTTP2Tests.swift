import Broker
import NIOCore
import Testing

@testable import Gateway

/// Streams of HTTP/2, spoken without TLS: the frames can be seen.
@Suite(.timeLimit(.minutes(1)))
struct HTTP2Tests {
    private typealias Kind = FrameClient.Kind

    private static func run(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await TestServer.run(
            { configuration in
                configuration.allowsCleartextHTTP2 = true
                configuration.grace = .seconds(5)
                configure(&configuration)
            },
            body
        )
    }

    @Test func `the same port speaks HTTP 1 and HTTP 2`() async throws {
        try await Self.run { server in
            #expect(try await server.get("/healthz").status == 200)
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/healthz", on: 1)
            #expect(try await client.status(on: 1) == 200)
            #expect(try await client.text(on: 1) == "{\"status\":\"ok\"}\n")
        }
    }

    @Test(arguments: ["GE@T", "FOO"])
    func `a method that is none is 501`(method: String) async throws {
        try await Self.run { server in
            let client = await FrameClient(try await server.connect())
            await client.request(method, "/groups/g", on: 1)
            #expect(try await client.status(on: 1) == 501)
        }
    }

    @Test func `without the option HTTP 2 is refused`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(HTTP2Connection.preface)
            try expectProblem(try await connection.response(), 505, "HTTP/1.1")
        }
    }

    @Test(arguments: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "POST /groups/a/messages HTTP/1.1\r\nHost: localhost\r\n"])
    func `the first bytes may come one by one`(first: String) async throws {
        try await Self.run { server in
            let connection = try await server.connect()
            let rest =
                first.hasPrefix("PRI")
                ? String(decoding: FrameClient.frame(Kind.settings, payload: []), as: UTF8.self)
                : "Content-Length: 1\r\n\r\nx"
            await connection.drip(first + rest, every: .microseconds(100))
            if first.hasPrefix("PRI") {
                #expect(try await connection.someBytes().prefix(4).last == Kind.settings)
            } else {
                #expect(try await connection.response(to: "POST").status == 201)
            }
        }
    }

    @Test(arguments: ["", "PRI * HTTP/2.0"])
    func `first bytes that do not come end the connection`(first: String) async throws {
        try await Self.run({ $0.headTimeout = .seconds(2) }) { server in
            let connection = try await server.connect()
            await connection.send(first)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `a stream has the bytes of any other, without chunks and Connection`() async throws {
        try await Self.run { server in
            try await server.publish("one", "two")
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/groups/test-group/events", on: 1, [("last-event-id", server.id(1))])
            let text = try await client.text(on: 1, until: "data: two\n\n")
            #expect(text.hasPrefix("retry: "))
            #expect(text.contains("event: stream-open\nid: \(server.id(1))\n"))
            #expect(text.hasSuffix("id: \(server.id(2))\ndata: two\n\n"))
            try await server.publish("three")
            #expect(try await client.text(on: 1, until: "\n\n") == "id: \(server.id(3))\ndata: three\n\n")
        }
    }

    @Test func `a stream whose window is empty is slow, and the others are not`() async throws {
        try await Self.run({ $0.connectionBufferBytes = 32 << 10 }) { server in
            let client = await FrameClient(try await server.connect(), window: 0)
            for stream in [1, 3] { await client.request("GET", "/groups/test-group/events", on: stream) }
            try await eventually { server.gateway.counters.liveStreams.value == 2 }
            await client.allow(1 << 20, on: 3)
            await client.allow(1 << 24, on: 0)
            let message = String(repeating: "x", count: 10_000)
            for number in 1...50 {
                try await server.publish("\(number) \(message)")
                // Each comes at once.
                _ = try await client.text(on: 3, until: "\(message)\n\n")
            }
            #expect(server.gateway.counters.fellBehind.value == 1)
            await client.allow(1 << 20, on: 1)
            let all = try await client.text(on: 1, until: "data: 50 \(message)\n\n")
            #expect(all.matches(of: #/data: (\d+) /#).compactMap { Int($0.1) } == Array(1...50))
        }
    }

    @Test func `an end ends each stream whole, then tells the client`() async throws {
        try await Self.run { server in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/groups/a/events", on: 1)
            await client.request("GET", "/groups/b/events", on: 3)
            try await eventually { server.gateway.counters.liveStreams.value == 2 }
            let clock = ContinuousClock()
            let began = clock.now
            async let stopped: Void = server.gateway.stop()
            let frames = try await client.rest()
            await stopped
            let codes = frames.compactMap { $0.type == Kind.goAway ? $0.errorCode : nil }
            #expect(codes == [0])
            #expect(frames.last?.type == Kind.goAway)
            for stream in [1, 3] {
                let body = frames.filter { $0.stream == stream && $0.type == Kind.data }.flatMap(\.payload)
                #expect(String(decoding: body, as: UTF8.self).contains(/retry: \d+\n\n$/))
                #expect(frames.contains { $0.stream == stream && $0.endsStream })
            }
            #expect(frames.last?.payload.prefix(4) == [0, 0, 0, 3])
            #expect(clock.now - began < .seconds(4))
        }
    }

    @Test func `a connection without streams is ended when it has been idle`() async throws {
        try await Self.run({ $0.idleTimeout = .milliseconds(100) }) { server in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/healthz", on: 1)
            #expect(try await client.next(Kind.goAway)?.errorCode == 0)
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test func `a client that opens no stream is ended like one that sends no head`() async throws {
        try await Self.run({ $0.headTimeout = .seconds(2) }) { server in
            let client = await FrameClient(try await server.connect())
            #expect(try await client.next(Kind.goAway)?.errorCode == 0)
            _ = try await client.rest()
        }
    }

    @Test func `a body that is refused is not waited for, and the connection stays`() async throws {
        try await Self.run({ $0.maximumBodyBytes = 10 }) { server in
            let client = await FrameClient(try await server.connect())
            let json = ("content-type", "application/json")
            await client.request(
                "POST",
                "/groups/a/messages",
                on: 1,
                [json, ("content-length", "1000")],
                endsStream: false
            )
            #expect(try await client.status(on: 1) == 413)
            let reset = try await client.next(Kind.reset, on: 1)
            #expect(reset?.errorCode == 0)
            // What was under way is no fault.
            await client.send(Kind.data, stream: 1, [UInt8](repeating: 0, count: 100))
            await client.request("GET", "/healthz", on: 3)
            #expect(try await client.status(on: 3) == 200)
        }
    }

    @Test func `a body that does not come is 408`() async throws {
        try await Self.run({ $0.bodyTimeout = .milliseconds(100) }) { server in
            let client = await FrameClient(try await server.connect())
            await client.request("POST", "/groups/a/messages", on: 1, endsStream: false)
            #expect(try await client.status(on: 1) == 408)
        }
    }

    @Test func `a head that is too large is 431, and the connection stays`() async throws {
        try await Self.run { server in
            let client = await FrameClient(try await server.connect())
            // The server's limits hold once the client has acknowledged them.
            await client.request("GET", "/healthz", on: 1)
            #expect(try await client.status(on: 1) == 200)
            let block = FrameClient.block("GET", "/healthz", [("x-padding", String(repeating: "x", count: 17 << 10))])
            await client.send(Kind.headers, flags: 1, stream: 3, Array(block.prefix(16 << 10)))
            await client.send(Kind.continuation, flags: 4, stream: 3, Array(block.dropFirst(16 << 10)))
            #expect(try await client.status(on: 3) == 431)
            await client.request("GET", "/healthz", on: 5)
            #expect(try await client.status(on: 5) == 200)
        }
    }

    @Test func `over the limit streams are asked to come back, and requests are 503`() async throws {
        try await Self.run({ $0.maximumHTTP2Streams = 1 }) { server in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/groups/a/events", on: 1)
            _ = try await client.text(on: 1, until: "stream-open")
            await client.request("GET", "/groups/a/events", on: 3)
            #expect(
                try await client.text(on: 3).contains(/^retry: \d+\n: come back later: .*--max-http2-streams.*\n\n$/)
            )
            await client.request("GET", "/healthz", on: 5)
            #expect(try await client.status(on: 5) == 503)
            await client.send(Kind.reset, stream: 1, FrameClient.bytes(8, 4))
            try await eventually { server.gateway.counters.http2Streams.value == 0 }
            await client.request("GET", "/healthz", on: 7)
            #expect(try await client.status(on: 7) == 200)
        }
    }
}
