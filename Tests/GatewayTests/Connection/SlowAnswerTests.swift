import Gateway
import Hummingbird
import NIOCore
import Testing

/// Answers that are larger than what the system buffers, to clients that take their time.
@Suite(.timeLimit(.minutes(1)))
struct SlowAnswerTests {
    private static let answer = ByteBuffer(repeating: 0x78, count: 8 << 20)

    private static func run(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let router = Router(context: GatewayContext.self)
        router.get("/large") { _, _ in Response(status: .ok, body: ResponseBody(byteBuffer: answer)) }
        try await TestServer.run(configure, router: router, body)
    }

    /// Asks for the answer, and reads no more than a first piece of it.
    private static func begun(_ server: TestServer, _ headers: [String] = []) async throws -> RawConnection {
        let connection = try await server.connect(receiveBuffer: 16 << 10)
        try await connection.stopReading()
        await connection.send(TestServer.bytes("GET", "/large", headers))
        #expect(try await connection.head()["content-length"] == "\(answer.readableBytes)")
        return connection
    }

    @Test(arguments: [[], ["Connection: close"]])
    func `who reads slowly gets all of it`(headers: [String]) async throws {
        try await Self.run({
            $0.idleTimeout = .milliseconds(100)
            $0.stallTimeout = .seconds(60)
        }) { server in
            let connection = try await Self.begun(server, headers)
            await connection.readSlowly(every: .milliseconds(2))
            #expect(try await connection.end().count == Self.answer.readableBytes)
        }
    }

    @Test func `who reads nothing is closed`() async throws {
        try await Self.run({
            $0.idleTimeout = .milliseconds(100)
            $0.stallTimeout = .milliseconds(100)
        }) { server in
            let connection = try await Self.begun(server)
            try await eventually { server.gateway.counters.connections.value == 0 }
            try await connection.startReading()
            #expect(try await connection.end().count < Self.answer.readableBytes)
        }
    }

    @Test func `a client that will send no more gets all of it`() async throws {
        try await Self.run { server in
            let connection = try await Self.begun(server)
            try await connection.finishSending()
            try await connection.startReading()
            #expect(try await connection.end().count == Self.answer.readableBytes)
        }
    }

    @Test func `a server that stops sends the rest`() async throws {
        try await Self.run({ ($0.eventLoops, $0.grace) = (1, .seconds(600)) }) { server in
            let connection = try await Self.begun(server)
            let stream = try await server.stream()
            _ = try await stream.event()
            async let stop: Void = server.gateway.stop()
            // The end of the stream tells that the event loop has heard of the stop.
            _ = try await stream.rest()
            try await connection.startReading()
            #expect(try await connection.end().count == Self.answer.readableBytes)
            await stop
        }
    }
}
