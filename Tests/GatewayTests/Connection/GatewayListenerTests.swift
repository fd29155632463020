import Broker
import Gateway
import Testing

/// A socket that is bound before there is anything to serve.
@Suite(.timeLimit(.minutes(1)))
struct GatewayListenerTests {
    private static func bind() async throws -> (GatewayListener, GatewayConfiguration) {
        var configuration = GatewayConfiguration()
        configuration.port = 0
        configuration.eventLoops = 1
        return (try await GatewayListener.bind(configuration), configuration)
    }

    @Test func `requests that come early wait until the gateway starts`() async throws {
        let (listener, configuration) = try await Self.bind()
        let early = try await RawConnection.open(port: listener.port)
        await early.send(TestServer.text("GET", "/healthz"))
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let gateway = try Gateway(log: log, configuration: configuration, listener: listener)
        // Accepted by the system, not by the server.
        #expect(gateway.counters.connections.value == 0)
        #expect(try await gateway.start() == listener.port)
        #expect(try await early.response().status == 200)
        await early.close()
        await gateway.stop()
        log.close()
        try await store.close()
    }

    @Test func `a port has one listener, also before it accepts`() async throws {
        let (listener, first) = try await Self.bind()
        var configuration = first
        configuration.port = listener.port
        let error = await #expect(throws: GatewayError.self) { try await GatewayListener.bind(configuration) }
        #expect(error?.code == .addressInUse)
        await listener.close()
        let again = try await GatewayListener.bind(configuration)
        #expect(again.port == listener.port)
        await again.close()
    }
}
