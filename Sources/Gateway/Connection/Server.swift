import Broker
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Tracing

/// The listening sockets, the event loops, and what each of them has.
struct Server: Sendable {
    let port: Int
    let operationsPort: Int?
    private let listeners: [Listener]
    private let file: UnixSocketFile?
    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<ConnectionServices>]
    private let readiness: Readiness
    private let openStreams: OpenStreams
    private let open: OpenCount
    private let outside: OutsideWork
    private let ending: ServerEnding
    private let logger: Logger

    /// Connections that the system holds until they are accepted, at most.
    var backlog: Int { listeners.compactMap(\.backlog).first ?? 0 }

    /// - Parameters:
    ///   - socket: Where to listen; nil: what the configuration says is bound here.
    ///   - pipeline: What a connection of each entrance has.
    static func start(
        _ configuration: GatewayConfiguration,
        on socket: ListeningSocket?,
        log: MessageLog,
        shared: Shard.SharedState,
        streams: [StreamRoute],
        sockets: [SocketRoute],
        terms: AccessTerms,
        keys: AccessKeys?,
        readiness: Readiness,
        openStreams: OpenStreams,
        responder: any HTTPResponder<GatewayContext>,
        pipeline: (Arrival.Entrance) -> ConnectionPipeline,
        logger: Logger
    ) async throws(GatewayError) -> Server {
        let count = configuration.eventLoops ?? System.coreCount
        let socket = if let socket { socket } else { try ListeningSocket(configuration) }
        let limits = configuration.limits(log, streams, sockets)
        let access = AccessPolicy(configuration, logger)
        guard let bound = socket.take() else {
            throw GatewayError(.cannotListen, "The socket has been given to another gateway: bind one for each.")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        var loops: [NIOLoopBound<ConnectionServices>] = []
        let streamSettings = configuration.streamSettings(loops: count)
        let tracing = RequestTracing(InstrumentationSystem.tracer)
        let process = streamSettings.random(0...Int(UInt32.max))
        do {
            for (number, eventLoop) in group.makeIterator().enumerated() {
                loops.append(
                    try await eventLoop.submit {
                        let shard = Shard(
                            eventLoop: eventLoop,
                            log: log,
                            settings: streamSettings,
                            shared: shared,
                            logger: logger
                        )
                        let authenticator = Authenticator(
                            terms,
                            configuration.access,
                            keys: keys,
                            counters: shared.counters,
                            strangers: shared.strangers,
                            seen: shared.seenTokens,
                            wallClock: shard.settings.wallClock
                        )
                        let services = ConnectionServices(
                            limits: limits,
                            access: access,
                            authenticator: authenticator,
                            shard: shard,
                            ids: RequestIDs(process: process, loop: number),
                            tracing: tracing,
                            responder: responder,
                            logger: logger
                        )
                        return NIOLoopBound(services, eventLoop: eventLoop)
                    }.get()
                )
            }
            let open = OpenCount(counters: shared.counters, limit: configuration.maximumConnections)
            let setup = Listener.Setup(
                group: group,
                loops: loops,
                open: open,
                waterMark: configuration.waterMark,
                logger: logger
            )
            var listeners: [Listener] = []
            for (entrance, descriptor) in bound.descriptors {
                listeners.append(try await .start(on: descriptor, entrance, pipeline(entrance), setup))
            }
            for loop in loops { startTimers(of: loop, configuration) }
            readiness.start(loops.map(\.eventLoop))
            openStreams.begin(loops, shared.outside)
            FreedMemory.watch(shared, on: group.next())
            return Server(
                port: socket.port,
                operationsPort: socket.operationsPort,
                listeners: listeners,
                file: bound.file,
                group: group,
                loops: loops,
                readiness: readiness,
                openStreams: openStreams,
                open: open,
                outside: shared.outside,
                ending: shared.ending,
                logger: logger
            )
        } catch {
            for loop in loops { try? await loop.eventLoop.submit { loop.value.shard.close() }.get() }
            try? await group.shutdownGracefully()
            bound.file?.remove()
            throw (error as? GatewayError)
                ?? GatewayError(cannotListen: error, host: configuration.host, port: configuration.port)
        }
    }

    private static func startTimers(of loop: NIOLoopBound<ConnectionServices>, _ configuration: GatewayConfiguration) {
        let second = min(TimeAmount.seconds(1), TimeAmount(configuration.headTimeout / 4))
        loop.eventLoop.execute { loop.value.lag.wait(until: .now() + second) }
        loop.eventLoop.scheduleRepeatedTask(initialDelay: second, delay: second) { _ in
            loop.value.tick(.now())
            // The next call is planned when this one has ended.
            loop.value.lag.wait(until: .now() + second)
        }
        loop.eventLoop.execute { scheduleLooks(of: loop) }
    }

    private static func scheduleLooks(of loop: NIOLoopBound<ConnectionServices>) {
        loop.eventLoop.scheduleTask(in: loop.value.shard.tickDelay) {
            loop.value.shard.tick()
            scheduleLooks(of: loop)
        }
    }

    /// Returns when all loops go by the policy.
    func change(to access: AccessPolicy) async {
        for loop in loops { try? await loop.eventLoop.submit { loop.value.change(to: access) }.get() }
    }

    func stop(grace: TimeAmount) async {
        readiness.stop()
        openStreams.stop()
        for listener in listeners {
            await AcceptedConnections.settle(listener.channel, loops.map(\.eventLoop))
            try? await listener.channel.close()
        }
        file?.remove()
        for loop in loops {
            loop.eventLoop.execute {
                // First: the answers of long polls, which end with the streams, are the last of their connections.
                loop.value.connections.forEach { $0.shutDown() }
                // The other half of the time is for clients to take what is still on its way to them.
                loop.value.shard.endAll(within: .nanoseconds(grace.nanoseconds / 2))
            }
        }
        ending.begin()
        let eventLoop = group.next()
        let drained = eventLoop.makePromise(of: Void.self)
        open.whenNone(drained)
        let timer = eventLoop.scheduleTask(in: grace) { open.giveUp() }
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
            return logger.error(
                "The database, or a route of the program, does not answer: the event loops are left to the end of the process"
            )
        }
        try? await group.shutdownGracefully()
    }
}
