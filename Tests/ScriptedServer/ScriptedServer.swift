package import NIOCore
package import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server that answers each request as the test says, down to the moment at which a connection breaks.
package final class ScriptedServer: Sendable {
    package struct Request: Sendable {
        /// 0 for the first request that the server got.
        package let number: Int
        package let method: HTTPMethod
        package let uri: String
        package let headers: HTTPHeaders
        package let body: String
    }

    package typealias Script = @Sendable (Request, Exchange) async throws -> Void

    private let channel: any Channel
    private let log: Mutex<[Request]>
    private let connections: Mutex<[any Channel]>

    package var port: Int { channel.localAddress?.port ?? 0 }
    package var url: String { "http://127.0.0.1:\(port)" }
    package var requests: [Request] { log.withLock { $0 } }

    private init(channel: any Channel, state: State) {
        self.channel = channel
        log = Mutex([])
        connections = Mutex([])
        state.server.withLock { $0 = self }
    }

    private final class State: Sendable {
        let server = Mutex<ScriptedServer?>(nil)
    }

    /// Runs the test's body against a server, which is gone afterwards.
    package static func run<Result>(
        port: Int = 0,
        script: @escaping Script,
        _ body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let server = try await start(port: port, script: script)
        do {
            let result = try await body(server)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    package static func start(port: Int = 0, script: @escaping Script) async throws -> ScriptedServer {
        let state = State()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        Collector { head, body in
                            guard let server = state.server.withLock({ $0 }) else { return }
                            let request = server.record(head, body, on: channel)
                            Task { try? await script(request, Exchange(channel: channel)) }
                        }
                    )
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .get()
        return ScriptedServer(channel: channel, state: state)
    }

    /// Stops listening and breaks every connection.
    package func stop() async {
        try? await channel.close()
        for connection in connections.withLock({ $0 }) { try? await connection.close() }
    }

    private func record(_ head: HTTPRequestHead, _ body: String, on channel: any Channel) -> Request {
        connections.withLock { $0.append(channel) }
        return log.withLock { log in
            let request = Request(
                number: log.count,
                method: head.method,
                uri: head.uri,
                headers: head.headers,
                body: body
            )
            log.append(request)
            return request
        }
    }
}

/// One answer, written step by step.
package struct Exchange: Sendable {
    package let channel: any Channel

    package func head(
        _ status: HTTPResponseStatus = .ok,
        headers: HTTPHeaders = [:],
        type: String = "text/event-stream"
    ) async throws {
        var headers = headers
        headers.add(name: "content-type", value: type)
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        try await channel.writeAndFlush(HTTPServerResponsePart.head(head))
    }

    package func write(_ text: String) async throws {
        try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: text))))
    }

    package func end() async throws {
        try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
    }

    /// Breaks the connection without ending the answer.
    package func close() async throws {
        try await channel.close()
    }

    /// Returns when the connection is gone.
    package func closed() async throws {
        try await channel.closeFuture.get()
    }

    package func answer(
        _ status: HTTPResponseStatus,
        headers: HTTPHeaders = [:],
        type: String = "application/json",
        _ body: String
    ) async throws {
        try await head(status, headers: headers, type: type)
        try await write(body)
        try await end()
    }

    /// The beginning of a stream, with a wait before reconnecting that no test notices.
    package func open(at position: String, resumed: Bool = false) async throws {
        try await head()
        try await write(
            "retry: 1\nevent: stream-open\nid: \(position)\ndata: {\"groups\":[],\"resumed\":\(resumed)}\n\n"
        )
    }

    package func message(_ sequence: Int, data: String = "d", epoch: String = "e") async throws {
        try await write(Exchange.message(sequence, data: data, epoch: epoch))
    }

    package static func message(_ sequence: Int, data: String = "d", epoch: String = "e") -> String {
        let time = "2026-11-21T10:54:23.125Z"
        return "id: \(epoch)-\(sequence)\ndata: {\"id\":\"\(epoch)-\(sequence)\",\"group\":\"g\",\"event\":\"message\","
            + "\"data\":\"\(data)\",\"created_at\":\"\(time)\"}\n\n"
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let onRequest: @Sendable (HTTPRequestHead, String) -> Void
    private var head: HTTPRequestHead?
    private var body = ""

    init(onRequest: @escaping @Sendable (HTTPRequestHead, String) -> Void) {
        self.onRequest = onRequest
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ""
        case .body(let bytes):
            body += String(buffer: bytes)
        case .end:
            if let head { onRequest(head, body) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
