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
    private let outside: OutsideWork
    private let logger: Logger

    /// Connections over the limit that are still answered, so that they learn why; beyond them they are just closed.
    private static let answeredOverLimit = 1000

    /// - Parameter socket: Where to listen; nil: what the configuration says is bound here.
    static func start(
        _ configuration: GatewayConfiguration,
        on socket: ListeningSocket?,
        log: MessageLog,
        shared: Shard.SharedState,
        streams: [StreamRoute],
        reserved: ReservedGroups,
        responder: any HTTPResponder<GatewayContext>,
        logger: Logger
    ) async throws(GatewayError) -> Server {
        let count = configuration.eventLoops ?? System.coreCount
        let socket = if let socket { socket } else { try ListeningSocket(configuration) }
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
            guard let descriptor = socket.take() else {
                throw GatewayError(.cannotListen, "The socket has been given to another gateway: bind one for each.")
            }
            let listener = try await bootstrap(group, loops, open, configuration).withBoundSocket(descriptor).get()
            for loop in loops { startTimers(of: loop, configuration) }
            FreedMemory.watch(shared, on: listener.eventLoop)
            return Server(
                port: listener.localAddress?.port ?? configuration.port,
                listener: listener,
                group: group,
                loops: loops,
                open: open,
                outside: shared.outside,
                logger: logger
            )
        } catch {
            try? await group.shutdownGracefully()
            throw (error as? GatewayError) ?? GatewayError(cannotListen: error, configuration)
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
            .serverChannelOption(.backlog, value: ListeningSocket.backlog)
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
        loop.eventLoop.execute { scheduleLooks(of: loop) }
    }

    private static func scheduleLooks(of loop: NIOLoopBound<ConnectionServices>) {
        loop.eventLoop.scheduleTask(in: loop.value.shard.tickDelay) {
            loop.value.shard.tick()
            scheduleLooks(of: loop)
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
        await finishOutsideWork()
    }

    /// How long a publish, a read or a route may still take once all connections are closed.
    private static let longestWork = Duration.seconds(30)

    /// Closes whatever is still open, and ends the loops when nobody calls them any more.
    private func finishOutsideWork() async {
        for loop in loops {
            try? await loop.eventLoop.submit {
                loop.value.connections.forEach { $0.close() }
                loop.value.shard.close()
            }.get()
        }
        let outside = outside
        let isOver = await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                await outside.waitForEnd()
                return true
            }
            tasks.addTask {
                try? await Task.sleep(for: Self.longestWork)
                return false
            }
            let first = await tasks.next() ?? false
            // Lets go of the wait, too: it must not outlast this.
            outside.giveUp()
            tasks.cancelAll()
            return first
        }
        guard isOver else {
            // A call onto a loop that has ended would be a fault, so the loops stay until the process ends.
            return logger.error("The database does not answer: its event loops are left to the end of the process")
        }
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
        let peek = RequestLinePeek()
        try pipeline.addHandler(peek)
        try pipeline.addHandler(
            ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)
            )
        )
        try pipeline.addHandler(ConnectionHandler(services: services, peek: peek))
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
            bodyRate: minimumBodyRate,
            idleTimeout: TimeAmount(idleTimeout),
            messageBytes: messageBytes,
            bodyBytes: maximumBodyBytes ?? 6 * messageBytes + 64 << 10,
            batchBytes: maximumBatchBytes,
            batchMessages: maximumBatchMessages,
            groupsPerStream: maximumGroupsPerStream,
            last: maximumLast,
            reserved: reserved,
            streams: Dictionary(streams.map { (LoopRoute.key(ofPath: $0.path), $0) }) { first, _ in first }
        )
    }

    /// The rest of a stream that has ended is small, and a client that resumes loses nothing of it.
    private static let endTimeout = Duration.seconds(30)

    /// A connection with more than this waiting for its socket is slow.
    fileprivate var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: max(1, connectionBufferBytes / 4), high: connectionBufferBytes)
    }

    fileprivate func streamSettings(loops: Int) -> StreamSettings {
        func milliseconds(_ duration: Duration) -> Int { Int(TimeAmount(duration).nanoseconds / 1_000_000) }
        return StreamSettings(
            heartbeat: TimeAmount(heartbeat),
            lookRound: TimeAmount(min(heartbeat, stallTimeout) / 4),
            // A stream is looked at four times per heartbeat, so what is found silent then is at most that old. A little
            // less than three quarters: two looks may be a little less than a quarter apart.
            silence: TimeAmount(heartbeat * 23 / 32),
            retryMilliseconds: milliseconds(retry * 2 / 3)...milliseconds(retry * 4 / 3),
            stallTimeout: TimeAmount(stallTimeout),
            endTimeout: TimeAmount(min(stallTimeout, Self.endTimeout)),
            recentBytes: max(1, recentMessageBytes / loops),
            inboxBytes: inboxBytes,
            pieceBytes: min(connectionBufferBytes, Batch.targetBytes),
            pinnedBytes: max(1, pinnedBytes / loops)
        )
    }
}

extension GatewayError {
    /// Why the socket could not be bound, and what to do.
    init(cannotListen error: any Error, _ configuration: GatewayConfiguration) {
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
