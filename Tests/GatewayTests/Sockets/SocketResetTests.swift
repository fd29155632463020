import Broker
import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Gateway

/// Clients that reset their connections at the worst moments.
@Suite(.timeLimit(.minutes(1)))
struct SocketResetTests {
    /// Calls back with each line, on the thread that logs it.
    private struct Hook: LogHandler {
        let call: @Sendable (String) -> Void
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { call(event.message.description) }
    }

    private final class Probe: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
    }

    /// The descriptor may be another connection's by then.
    @Test func `after a handshake that could not be written nothing goes past the channel`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let (accepted, announce) = AsyncStream<any Channel>.makeStream()
        let listener = try await ServerBootstrap(group: group).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Probe())
                announce.yield(channel)
            }
        }.bind(host: "127.0.0.1", port: 0).get()
        let client = try ResettingClient(port: listener.localAddress?.port ?? 0)
        var channels = accepted.makeAsyncIterator()
        let channel = try #require(await channels.next())
        let (before, isActive, after) = try await channel.eventLoop.submit {
            let context = try channel.pipeline.syncOperations.context(handlerType: Probe.self)
            var wire = Wire(http1: channel, isPlain: true)
            let before = wire.passesTheChannelBy
            client.reset()
            var head = ResponseHead(.switchingProtocols, for: .http1_1, bodyBytes: 0)
            wire.switchProtocols(&head, context)
            return (before, channel.isActive, wire.passesTheChannelBy)
        }.get()
        #expect(before && !isActive && !after)
        try await listener.close()
        try await group.shutdownGracefully()
    }

    @Test(arguments: ["/socket", "/groups/a/events"])
    func `a reset before the handshake is answered leaves no socket`(path: String) async throws {
        let (client, hasBegun) = (StreamBox<ResettingClient?>(nil), StreamBox(false))
        let store = PausingStore(try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath))
        let log = Logger(label: "test") { _ in
            Hook { message in
                // On the event loop, right before the answer is written.
                guard message == "A request was answered" else { return }
                client.withLock { $0 }?.reset()
                // A subscription that began would ask for them.
                store.atEpochs { hasBegun.withLock { $0 = true } }
            }
        }
        try await TestServer.run(store: store, logger: log) { server async throws in
            let made = try ResettingClient(port: server.port)
            client.withLock { $0 = made }
            try await eventually { server.gateway.counters.connections.value == 1 }
            made.send(TestServer.bytes("GET", path, SocketClient.handshake))
            try await eventually { !made.isOpen && server.gateway.counters.connections.value == 0 }
            let counters = server.gateway.counters
            #expect(counters.sockets.value == 0 && counters.streams.value == 0 && counters.liveStreams.value == 0)
            #expect(counters.transports.values.allSatisfy { $0.value == 0 })
            #expect(server.log.layer.groups.isEmpty)
            #expect(!hasBegun.withLock { $0 })
        }
    }

    /// The answer to its first frame breaks it, while what follows is no whole message.
    @Test func `a socket that breaks while it reads begins nothing more, and gives its memory back`() async throws {
        let store = PausingStore(try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath))
        try await TestServer.run(store: store) { server async throws in
            let client = try ResettingClient(port: server.port)
            client.send(TestServer.bytes("GET", "/socket", SocketClient.handshake))
            #expect(client.receive(atLeast: 100).count >= 100)
            // What is read at once grows with what comes.
            let large = PeerFrame.text([UInt8](repeating: 0x20, count: 60_000)).bytes()
            for _ in 0..<8 {
                client.send(large)
                #expect(client.receive(atLeast: 1).count > 0)
            }
            // On the event loop, before the answer is written.
            store.atEpochs { client.reset() }
            client.send(
                PeerFrame.text(#"{"subscribe":{"name":"s","groups":["a"]}}"#).bytes()
                    + PeerFrame.text(#"{"publish":{"group":"a","data":"x"}}"#).bytes() + large.prefix(30_000)
            )
            try await eventually { !client.isOpen && server.gateway.counters.sockets.value == 0 }
            #expect(server.log.frontier.sequence == 0)
            let metrics = try await server.get("/metrics").text
            #expect(metrics.contains("\nnotify_request_body_bytes 0\n"))
        }
    }
}
