import Testing

@testable import Gateway

/// A peer that only makes work is ended, and learns why.
@Suite(.timeLimit(.minutes(1)))
struct HTTP2AttackTests {
    private typealias Kind = FrameClient.Kind

    /// RFC 9113 §7.
    private static let enhanceYourCalm = 11

    /// Sends a flood, and expects that the connection ends with this code while others are served.
    private static func expectEnd(
        _ code: Int,
        by flood: (FrameClient) async throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await TestServer.run({
            ($0.allowsCleartextHTTP2, $0.maximumStreamsPerConnection, $0.grace) = (true, 100, .zero)
        }) { server in
            let client = await FrameClient(try await server.connect(), isPolite: false)
            try await flood(client)
            let goAway = try await client.next(Kind.goAway)
            #expect(goAway?.errorCode == code, sourceLocation: sourceLocation)
            _ = try await client.rest()
            try await eventually {
                server.gateway.counters.http2Streams.value == 0 && server.gateway.counters.streams.value == 0
            }
            #expect(try await server.get("/healthz").status == 200, sourceLocation: sourceLocation)
        }
    }

    @Test func `streams that are reset as soon as they are opened`() async throws {
        try await Self.expectEnd(Self.enhanceYourCalm) { client in
            let block = FrameClient.block("GET", "/groups/a/events")
            for number in 0..<2000 {
                let stream = 2 * number + 1
                await client.send(Kind.headers, flags: 0b101, stream: stream, block)
                await client.send(Kind.reset, stream: stream, FrameClient.bytes(8, 4))
            }
        }
    }

    @Test func `a head that never ends`() async throws {
        try await Self.expectEnd(Self.enhanceYourCalm) { client in
            let block = FrameClient.block("GET", "/healthz")
            await client.send(Kind.headers, flags: 1, stream: 1, block)
            for _ in 0..<2000 { await client.send(Kind.continuation, stream: 1, []) }
        }
    }

    @Test func `a head without a bound`() async throws {
        try await Self.expectEnd(1) { client in
            let part = FrameClient.block("GET", "/healthz", [("x", String(repeating: "x", count: 16_000))]).prefix(
                1 << 14
            )
            await client.send(Kind.headers, flags: 1, stream: 1, Array(part))
            for _ in 0..<100 { await client.send(Kind.continuation, stream: 1, Array(part)) }
        }
    }

    @Test(arguments: [FrameClient.Kind.ping, FrameClient.Kind.settings])
    func `pings and settings without end`(kind: UInt8) async throws {
        try await Self.expectEnd(Self.enhanceYourCalm) { client in
            let payload = [UInt8](repeating: 0, count: kind == Kind.ping ? 8 : 0)
            for _ in 0..<5000 { await client.send(kind, payload) }
        }
    }

    @Test func `data that is empty`() async throws {
        try await Self.expectEnd(Self.enhanceYourCalm) { client in
            await client.request("POST", "/groups/a/messages", on: 1, endsStream: false)
            for _ in 0..<1000 { await client.send(Kind.data, stream: 1) }
        }
    }

    @Test func `faults in streams without end`() async throws {
        try await Self.expectEnd(0) { client in
            for number in 0..<150 {
                await client.request("GET", "/healthz", on: 2 * number + 1, [("connection", "close")])
            }
        }
    }

    @Test func `more streams than are allowed at once`() async throws {
        try await Self.expectEnd(1) { client in
            for number in 0..<200 { await client.request("GET", "/groups/a/events", on: 2 * number + 1) }
        }
    }

    @Test func `garbage after the preface`() async throws {
        try await Self.expectEnd(6) { client in
            await client.connection.send([UInt8](repeating: 0xFF, count: 1000))
        }
    }
}
