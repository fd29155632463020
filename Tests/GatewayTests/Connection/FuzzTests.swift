import Testing

@testable import Gateway

/// Bytes that are nearly a request, or nearly frames: the server answers or closes, and serves others meanwhile.
@Suite(.timeLimit(.minutes(2)))
struct FuzzTests {
    private typealias Kind = FrameClient.Kind

    private static let requests: [[UInt8]] = [
        TestServer.bytes("GET", "/groups/a/events?since=all", ["Last-Event-ID: x-1"]),
        TestServer.bytes(
            "POST",
            "/groups/a/messages",
            ["Content-Type: application/json"],
            body: Array("{\"data\":1}".utf8)
        ),
        Array(
            "POST /messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                .utf8
        ),
        TestServer.bytes("OPTIONS", "*", ["Origin: http://localhost", "Expect: 100-continue"]),
    ]

    private static let upgrade = TestServer.bytes(
        "GET",
        "/groups/a/events?since=all",
        [
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
    )

    private static let frames: [[UInt8]] = [
        FrameClient.frame(Kind.settings, payload: [0, 4, 0, 0, 255, 255]),
        FrameClient.frame(Kind.headers, flags: 5, stream: 1, payload: FrameClient.block("GET", "/groups/a/events")),
        FrameClient.frame(Kind.headers, flags: 4, stream: 3, payload: FrameClient.block("POST", "/groups/a/messages")),
        FrameClient.frame(Kind.data, flags: 1, stream: 3, payload: Array("hello".utf8)),
        FrameClient.frame(Kind.headers, flags: 0, stream: 5, payload: FrameClient.block("GET", "/")),
        FrameClient.frame(Kind.continuation, flags: 4, stream: 5, payload: [0, 1, 97, 1, 97]),
        FrameClient.frame(Kind.windowUpdate, stream: 1, payload: [0, 0, 1, 0]),
        FrameClient.frame(Kind.priority, stream: 1, payload: [0, 0, 0, 0, 1]),
        FrameClient.frame(Kind.ping, payload: [UInt8](repeating: 7, count: 8)),
        FrameClient.frame(Kind.reset, stream: 1, payload: [0, 0, 0, 8]),
        FrameClient.frame(Kind.goAway, payload: [0, 0, 0, 0, 0, 0, 0, 0]),
    ]

    private static func input(isHTTP2: Bool, _ random: inout StreamRandom) -> [UInt8] {
        let all = isHTTP2 ? frames : requests + [upgrade]
        var parts = all.shuffled(using: &random).prefix(Int.random(in: 1...6, using: &random))
        if isHTTP2, Bool.random(using: &random) { parts = ArraySlice(frames) }
        var bytes = parts.flatMap(\.self)
        for _ in 0..<Int.random(in: 0...8, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        return isHTTP2 ? HTTP2Connection.preface + bytes : bytes
    }

    @Test(arguments: [false, true], [1, 2, 3] as [UInt64])
    func `mutated input`(isHTTP2: Bool, seed: UInt64) async throws {
        try await TestServer.run({ ($0.allowsCleartextHTTP2, $0.grace) = (true, .zero) }) { server in
            var random = StreamRandom(seed: seed)
            for _ in 0..<100 {
                let connection = try await server.connect()
                await connection.send(Self.input(isHTTP2: isHTTP2, &random))
                if Bool.random(using: &random) { try? await connection.finishSending() }
                let health = try await server.get("/healthz")
                #expect(health.status == 200)
                await connection.close()
            }
            try await eventually {
                let counters = server.gateway.counters
                return counters.connections.value == 0 && counters.http2Streams.value == 0
                    && counters.streams.value == 0
            }
        }
    }
}
