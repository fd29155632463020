import Broker
import Gateway
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing

/// A gateway of its own for each test, on a free port, with everything in memory.
struct TestServer: Sendable {
    let gateway: Gateway
    let log: MessageLog
    let port: Int
    private let opened: OpenedConnections

    private final class OpenedConnections: Sendable {
        let all = Mutex<[RawConnection]>([])
    }

    /// Starts a gateway, and stops it however `body` ends.
    static func run<Value: Sendable>(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        log logConfiguration: MessageLog.Configuration = MessageLog.Configuration(),
        store: (any MessageStore)? = nil,
        router: Router<GatewayContext> = Router(context: GatewayContext.self),
        streams: [StreamRoute] = [],
        sockets: [SocketRoute] = [],
        logger: Logger = Logger(label: "notify"),
        reserved: Set<GroupName> = [],
        openStreams: OpenStreams = OpenStreams(),
        _ body: (TestServer) async throws -> Value
    ) async throws -> Value {
        var configuration = GatewayConfiguration()
        configuration.port = 0
        configuration.eventLoops = 2
        // A busy machine may keep a client waiting before it says anything.
        configuration.headTimeout = .seconds(60)
        configure(&configuration)
        let store = try store ?? SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: logConfiguration)
        let gateway = try Gateway(
            log: log,
            configuration: configuration,
            router: router,
            streams: streams,
            sockets: sockets,
            reserved: reserved,
            openStreams: openStreams,
            logger: logger
        )
        return try await run(gateway, body)
    }

    /// The same with a gateway that a program makes.
    static func run<Value: Sendable>(
        make: (MessageLog, GatewayConfiguration) throws -> Gateway,
        _ body: (TestServer) async throws -> Value
    ) async throws -> Value {
        var configuration = GatewayConfiguration()
        configuration.port = 0
        configuration.eventLoops = 2
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        return try await run(make(MessageLog(store: store, layer: InMemoryChannelLayer()), configuration), body)
    }

    private static func run<Value: Sendable>(
        _ gateway: Gateway,
        _ body: (TestServer) async throws -> Value
    ) async throws -> Value {
        let server = TestServer(
            gateway: gateway,
            log: gateway.log,
            port: try await gateway.start(),
            opened: OpenedConnections()
        )
        do {
            let value = try await body(server)
            await server.end()
            return value
        } catch {
            await server.end()
            throw error
        }
    }

    private func end() async {
        for connection in opened.all.withLock({ $0 }) { await connection.close() }
        await gateway.stop()
    }

    var epoch: String { "\(log.store.epoch)" }

    func id(_ sequence: Int) -> String { "\(epoch)-\(sequence)" }

    // MARK: Requests

    func connect(receiveBuffer: Int? = nil) async throws -> RawConnection {
        let connection = try await RawConnection.open(port: port, receiveBuffer: receiveBuffer)
        opened.all.withLock { $0.append(connection) }
        return connection
    }

    /// Sends a request on a connection of its own.
    func request(_ method: String, _ path: String, _ headers: [String] = [], body: [UInt8]? = nil) async throws
        -> RawResponse
    {
        let connection = try await connect()
        await connection.send(Self.bytes(method, path, headers, body: body))
        let response = try await connection.response(to: method)
        await connection.close()
        return response
    }

    func get(_ path: String, _ headers: [String] = []) async throws -> RawResponse {
        try await request("GET", path, headers)
    }

    func post(_ path: String, _ headers: [String] = [], body: [UInt8]) async throws -> RawResponse {
        try await request("POST", path, headers, body: body)
    }

    func post(_ path: String, _ headers: [String], _ text: String) async throws -> RawResponse {
        try await request("POST", path, headers, body: Array(text.utf8))
    }

    func post(_ path: String, _ text: String) async throws -> RawResponse {
        try await post(path, [], text)
    }

    /// A request of HTTP/1.1, its `Host` and `Content-Length` among it.
    static func bytes(_ method: String, _ path: String, _ headers: [String] = [], body: [UInt8]? = nil) -> [UInt8] {
        var lines = ["\(method) \(path) HTTP/1.1"] + headers
        if !headers.contains(where: { $0.lowercased().hasPrefix("host:") }) { lines.append("Host: localhost") }
        if let body { lines.append("Content-Length: \(body.count)") }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? [])
    }

    static func text(_ method: String, _ path: String, _ headers: [String] = [], _ body: String? = nil) -> String {
        String(decoding: bytes(method, path, headers, body: body.map { Array($0.utf8) }), as: UTF8.self)
    }

    // MARK: Streams and messages

    func stream(_ path: String = "/groups/test-group/events", _ headers: [String] = []) async throws -> EventReader {
        let connection = try await connect()
        await connection.send(Self.bytes("GET", path, headers))
        return try await EventReader(connection)
    }

    @discardableResult
    func publish(_ texts: String..., to group: String = "test-group", event: String = "message") async throws
        -> [Message]
    {
        var messages: [Message] = []
        for text in texts {
            messages.append(try await log.publish(MessageDraft(group: GroupName(group), event: event, text: text)))
        }
        return messages
    }
}

/// That an answer is a problem (RFC 9457) with this status, whose detail holds these words.
func expectProblem(
    _ response: RawResponse,
    _ status: Int,
    _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, "\(response.text)", sourceLocation: sourceLocation)
    #expect(response["content-type"] == "application/problem+json", sourceLocation: sourceLocation)
    #expect(response.keys == ["type", "title", "status", "detail"], sourceLocation: sourceLocation)
    let problem = try response.json(ProblemBody.self)
    #expect(problem.type == "about:blank", sourceLocation: sourceLocation)
    #expect(!problem.title.isEmpty, sourceLocation: sourceLocation)
    #expect(problem.status == status, sourceLocation: sourceLocation)
    // A sentence: something that says what to do, or what there is.
    #expect(problem.detail.count > 20, sourceLocation: sourceLocation)
    for word in words {
        #expect(problem.detail.contains(word), "\(problem.detail)", sourceLocation: sourceLocation)
    }
}
