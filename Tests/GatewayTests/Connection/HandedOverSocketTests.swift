import Broker
import Gateway
import Glibc
import NIOCore
import Testing

/// A listening socket that somebody else has made.
@Suite(.timeLimit(.minutes(1)))
struct HandedOverSocketTests {
    /// A socket as a service manager would make it: without any of the flags that a server wants.
    private static func listen(_ host: String = "127.0.0.1", isListening: Bool = true) throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        let isBound = try SocketAddress(ipAddress: host, port: 0).withSockAddr {
            bind(descriptor, $0, socklen_t($1)) == 0
        }
        try #require(isBound)
        if isListening { try #require(Glibc.listen(descriptor, 16) == 0) }
        return descriptor
    }

    private static func gateway(_ socket: ListeningSocket, _ log: MessageLog) throws -> Gateway {
        var configuration = GatewayConfiguration()
        configuration.eventLoops = 2
        return try Gateway(log: log, configuration: configuration, socket: socket)
    }

    @Test func `two gateways, one after the other, answer on it, and who comes between them waits`() async throws {
        let kept = try Self.listen()
        defer { close(kept) }
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        var waiting: RawConnection?
        for _ in 0..<2 {
            let handedOver = try HandedOverSocket(descriptor: dup(kept))
            #expect(handedOver.host == "127.0.0.1")
            let gateway = try Self.gateway(
                ListeningSocket(GatewayConfiguration(), handedOver: handedOver),
                log
            )
            #expect(try await gateway.start() == handedOver.port)
            if let waiting { #expect(try await waiting.response().status == 200) }
            let fresh = try await RawConnection.open(port: handedOver.port)
            let request = TestServer.text("GET", "/healthz")
            await fresh.send(request)
            #expect(try await fresh.response().status == 200)
            await fresh.close()
            await waiting?.close()
            await gateway.stop()
            let next = try await RawConnection.open(port: handedOver.port)
            await next.send(request)
            waiting = next
        }
        await waiting?.close()
        await log.close()
    }

    @Test func `what is no socket that listens for TCP`() throws {
        var pair: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let others = [try Self.listen(isListening: false), socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)] + pair
        defer { for descriptor in others { close(descriptor) } }
        for descriptor in others + [-1, 0] {
            let error = #expect(throws: GatewayError.self) { try HandedOverSocket(descriptor: descriptor) }
            #expect(error?.code == .cannotListen)
            #expect(error?.message.contains("ListenStream=") == true)
        }
    }

    @Test func `its address is told in digits`() throws {
        let descriptor = try Self.listen("0.0.0.0")
        defer { close(descriptor) }
        #expect(try HandedOverSocket(descriptor: descriptor).host == "0.0.0.0")
    }
}
