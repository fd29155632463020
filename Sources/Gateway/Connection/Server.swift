import Broker
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The listening socket, the event loops, and what each of them has.
struct Server: Sendable {
    var port: Int { listener.port }
    private let listener: GatewayListener
    private let log: MessageLog
    private let loops: [NIOLoopBound<ConnectionServices>]
    private let open: OpenCount
    private let logger: Logger

    /// Connections over the limit that are still answered, so that they learn why; beyond them they are just closed.
    private static let answeredOverLimit = 1000

    /// - Parameter listener: Is closed with the server, also where that fails to start.
    static func start(
        _ listener: GatewayListener,
        _ configuration: GatewayConfiguration,
        log: MessageLog,
        shared: Shard.SharedState,
        streams: [StreamRoute],
        reserved: ReservedGroups,
        responder: any HTTPResponder<GatewayContext>,
        logger: Logger
    ) async throws(GatewayError) -> Server {
        let limits = configuration.limits(log, reserved, streams)
        let eventLoops = Array(listener.group.makeIterator())
        do {
            var loops: [NIOLoopBound<ConnectionServices>] = []
            for eventLoop in eventLoops {
                loops.append(
                    try await eventLoop.submit {
                        let shard = Shard(
                            eventLoop: eventLoop,
                            log: log,
                            settings: configuration.streamSettings(loops: eventLoops.count),
                            shared: shared,
                            logger: logger
                        )
                        let services = ConnectionServices(
                            limits: limits,
                            access: AccessPolicy(configuration),
                            shard: shard,
                            responder: responder,
                            logger: logger
                        )
                        return NIOLoopBound(services, eventLoop: eventLoop)
                    }.get()
                )
            }
            let open = OpenCount(counters: shared.counters)
            for loop in loops { startTimers(of: loop, configuration) }
            try await listener.accept(initializer(loops, open, configuration))
            return Server(listener: listener, log: log, loops: loops, open: open, logger: logger)
        } catch {
            await listener.close()
            throw GatewayError(cannotListen: error, configuration)
        }
    }

    /// Gives each accepted connection to its loop.
    private static func initializer(
        _ loops: [NIOLoopBound<ConnectionServices>],
        _ open: OpenCount,
        _ configuration: GatewayConfiguration
    ) -> GatewayListener.Initializer {
        let byLoop = Dictionary(uniqueKeysWithValues: loops.map { (ObjectIdentifier($0.eventLoop), $0) })
        let hardLimit = configuration.maximumConnections + answeredOverLimit
        return { channel in
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
        try? await listener.channel.close()
        for loop in loops {
            loop.eventLoop.execute {
                for stream in Array(loop.value.shard.allStreams) { stream.end() }
                loop.value.connections.forEach { $0.shutDown() }
            }
        }
        let loop = listener.channel.eventLoop
        let drained = loop.makePromise(of: Void.self)
        open.whenNone(drained)
        let timer = loop.scheduleTask(in: grace) { open.giveUp() }
        try? await drained.futureResult.get()
        timer.cancel()
        if open.count > 0 {
            logger.warning("Connections were closed at the end of the grace time", metadata: ["count": "\(open.count)"])
        }
        // From here on nothing begins anew. What has begun elsewhere comes to its end, or does not come here any more:
        // nobody may give work to a loop that has ended.
        listener.refuse()
        await onEachLoop { services in
            services.connections.forEach { $0.close() }
            services.shard.stop()
        }
        await log.waitForPublishes()
        await onEachLoop { $0.shard.gate.shut() }
        // Closes whatever is still open.
        try? await listener.group.shutdownGracefully()
    }

    private func onEachLoop(_ work: @escaping @Sendable (ConnectionServices) -> Void) async {
        for loop in loops { try? await loop.eventLoop.submit { work(loop.value) }.get() }
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
