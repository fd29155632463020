import Broker
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The listening socket, the event loops, and what each of them has.
struct Server: Sendable {
    let port: Int
    private let listener: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<ConnectionServices>]
    private let open: OpenCount
    private let logger: Logger

    /// Connections over the limit that are still answered, so that they learn why; beyond them they are just closed.
    private static let answeredOverLimit = 1000

    static func start(
        _ configuration: GatewayConfiguration,
        log: MessageLog,
        shared: Shard.SharedState,
        streams: [StreamRoute],
        reserved: ReservedGroups,
        responder: any HTTPResponder<GatewayContext>,
        logger: Logger
    ) async throws(GatewayError) -> Server {
        let count = configuration.eventLoops ?? System.coreCount
        let limits = configuration.limits(log, reserved, streams)
        let access = AccessPolicy(configuration, logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        do {
            var loops: [NIOLoopBound<ConnectionServices>] = []
            for eventLoop in group.makeIterator() {
                loops.append(
                    try await eventLoop.submit {
                        let shard = Shard(
                            eventLoop: eventLoop,
                            log: log,
                            settings: configuration.streamSettings(loops: count),
                            shared: shared,
                            logger: logger
                        )
                        let services = ConnectionServices(
                            limits: limits,
                            access: access,
                            shard: shard,
                            responder: responder,
                            logger: logger
                        )
                        return NIOLoopBound(services, eventLoop: eventLoop)
                    }.get()
                )
            }
            let open = OpenCount(counters: shared.counters)
            let listener = try await bootstrap(group, loops, open, configuration)
                .bind(host: configuration.host, port: configuration.port).get()
            for loop in loops { startTimers(of: loop, configuration) }
            return Server(
                port: listener.localAddress?.port ?? configuration.port,
                listener: listener,
                group: group,
                loops: loops,
                open: open,
                logger: logger
            )
        } catch {
            try? await group.shutdownGracefully()
            throw GatewayError(cannotListen: error, configuration)
        }
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup,
        _ loops: [NIOLoopBound<ConnectionServices>],
        _ open: OpenCount,
        _ configuration: GatewayConfiguration
    ) -> ServerBootstrap {
        let byLoop = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.eventLoop), $0) })
        let hardLimit = configuration.maximumConnections + answeredOverLimit
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted sockets inherit it from the listener on Linux: one system call less for each.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: configuration.waterMark)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2048, maximum: 64 << 10)
            )
            .childChannelInitializer { channel in
                guard let services = byLoop[ObjectIdentifier(channel.eventLoop)]?.value,
                    services.counters.connections.value < hardLimit
                else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture { try open.add(channel, services) }
            }
    }

    private static func startTimers(of loop: NIOLoopBound<ConnectionServices>, _ configuration: GatewayConfiguration) {
        let second = min(TimeAmount.seconds(1), TimeAmount(configuration.headTimeout / 4))
        loop.eventLoop.scheduleRepeatedTask(initialDelay: second, delay: second) { _ in loop.value.tick(.now()) }
        let quarter = TimeAmount(min(configuration.heartbeat, configuration.stallTimeout) / 4)
        loop.eventLoop.scheduleRepeatedTask(initialDelay: quarter, delay: quarter) { _ in
            loop.value.shard.tick()
        }
    }

    func stop(grace: TimeAmount) async {
        try? await listener.close()
        for loop in loops {
            loop.eventLoop.execute {
                for stream in Array(loop.value.shard.allStreams) { stream.end() }
                loop.value.connections.forEach { $0.shutDown() }
            }
        }
        let drained = listener.eventLoop.makePromise(of: Void.self)
        open.whenNone(drained)
        let timer = listener.eventLoop.scheduleTask(in: grace) { open.giveUp() }
        try? await drained.futureResult.get()
        timer.cancel()
        if open.count > 0 {
            logger.warning("Connections were closed at the end of the grace time", metadata: ["count": "\(open.count)"])
        }
        // Closes whatever is still open.
        try? await group.shutdownGracefully()
    }
}

/// The open connections, counted; tells when there are none.
private final class OpenCount: Sendable {
    private let counters: Counters
    private let waiter = Mutex<EventLoopPromise<Void>?>(nil)

    init(counters: Counters) {
        self.counters = counters
    }

    var count: Int { counters.connections.value }

    func add(_ channel: any Channel, _ services: ConnectionServices) throws {
        counters.connections.add(1)
        channel.closeFuture.whenComplete { _ in
            self.counters.connections.add(-1)
            if self.count == 0 { self.giveUp() }
        }
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderFieldSize = services.limits.headerBytes
        decoderLimits.maxHeaderListSize = services.limits.headerBytes
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(
            ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)
            )
        )
        try pipeline.addHandler(ConnectionHandler(services: services))
    }

    func whenNone(_ promise: EventLoopPromise<Void>) {
        waiter.withLock { $0 = promise }
        if count == 0 { giveUp() }
    }

    func giveUp() {
        waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }?.succeed()
    }
}

extension GatewayConfiguration {
    fileprivate func limits(
        _ log: MessageLog,
        _ reserved: ReservedGroups,
        _ streams: [StreamRoute]
    ) -> ConnectionServices.Limits {
        let messageBytes = log.configuration.maximumMessageSize
        return ConnectionServices.Limits(
            connections: maximumConnections,
            headerBytes: maximumHeaderBytes,
            headTimeout: TimeAmount(headTimeout),
            bodyTimeout: TimeAmount(bodyTimeout),
            idleTimeout: TimeAmount(idleTimeout),
            messageBytes: messageBytes,
            bodyBytes: maximumBodyBytes ?? 6 * messageBytes + 64 << 10,
            batchBytes: maximumBatchBytes,
            answerBytes: maximumAnswerBytes,
            batchMessages: maximumBatchMessages,
            groupsPerStream: maximumGroupsPerStream,
            reserved: reserved,
            streams: Dictionary(streams.map { (LoopRoute.key(ofPath: $0.path), $0) }) { first, _ in first }
        )
    }

    /// A connection with more than this waiting for its socket is slow.
    fileprivate var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: max(1, connectionBufferBytes / 4), high: connectionBufferBytes)
    }

    fileprivate func streamSettings(loops: Int) -> StreamSettings {
        func milliseconds(_ duration: Duration) -> Int { Int(TimeAmount(duration).nanoseconds / 1_000_000) }
        return StreamSettings(
            heartbeat: TimeAmount(heartbeat),
            // The timer looks four times per heartbeat, so what it finds silent here is at most that old.
            silence: TimeAmount(heartbeat * 3 / 4),
            retryMilliseconds: milliseconds(retry * 2 / 3)...milliseconds(retry * 4 / 3),
            stallTimeout: TimeAmount(stallTimeout),
            recentBytes: max(1, recentMessageBytes / loops),
            inboxBytes: inboxBytes,
            pieceBytes: min(connectionBufferBytes, Batch.targetBytes),
            pinnedBytes: max(1, pinnedBytes / loops)
        )
    }
}

extension GatewayError {
    /// Why the socket could not be bound, and what to do.
    fileprivate init(cannotListen error: any Error, _ configuration: GatewayConfiguration) {
        let (host, port) = (configuration.host.quotedForPeople, configuration.port)
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(
                .addressInUse,
                "Port \(port) on \(configuration.host) is in use: stop the other server, or choose another port with --port "
                    + "(0 takes a free one)."
            )
        case EACCES:
            self.init(.cannotListen, "Port \(port) needs rights that this process has not: choose another with --port.")
        case EADDRNOTAVAIL:
            self.init(.cannotListen, "\(host) is no address of this machine: choose another with --host.")
        case nil where error is SocketAddressError.UnknownHost:
            self.init(.cannotListen, "There is no host \(host): give an address of this machine with --host.")
        default:
            self.init(.cannotListen, "Cannot listen on \(host), port \(port).", underlying: error)
        }
    }
}
