public import Broker
public import Hummingbird
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// The HTTP face of a message log: event streams, publishing, history, groups.
///
/// ```swift
/// let log = try MessageLog(store: SQLiteMessageStore(path: "notify.sqlite"), layer: InMemoryChannelLayer())
/// let gateway = try Gateway(log: log)
/// try await gateway.run()
/// log.close()
/// try await log.store.close()
/// ```
///
/// Pages and routes of one's own go into the router that it is given; streams of one's own, and the groups behind them,
/// into `streams` and `reserved`. Safe to use from any thread; each instance serves
/// once.
public final class Gateway: Service {
    /// What is published and followed.
    public let log: MessageLog
    /// As it was given; does not change.
    public let configuration: GatewayConfiguration
    private let responder: any HTTPResponder<GatewayContext>
    private let logger: Logger
    private let shared: Shard.SharedState
    private let streams: [StreamRoute]
    private let reserved: ReservedGroups
    private let onStart: @Sendable (Int) async -> Void
    private let listener: GatewayListener?
    private let server = Mutex<Server?>(nil)

    /// - Parameters:
    ///   - router: Further routes; the gateway adds its own.
    ///   - streams: Event streams on further paths.
    ///   - reserved: Groups that the public routes refuse: they can be had through `streams` only.
    ///   - counters: What the gateway counts into; one of its own by default.
    ///   - listener: What to accept connections from; by default ``start()`` binds a socket. The gateway closes it when it
    ///     stops; where this throws, or the gateway is never started, the caller does.
    ///   - onStart: Called by ``run()`` with the port, once connections are accepted.
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`.
    public init(
        log: MessageLog,
        configuration: GatewayConfiguration = GatewayConfiguration(),
        router: Router<GatewayContext> = Router(context: GatewayContext.self),
        streams: [StreamRoute] = [],
        reserved: Set<GroupName> = [],
        counters: Counters = Counters(),
        logger: Logger = Logger(label: "notify"),
        listener: GatewayListener? = nil,
        onStart: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(GatewayError) {
        try configuration.validate()
        self.log = log
        self.configuration = configuration
        self.logger = logger
        self.listener = listener
        self.onStart = onStart
        self.streams = streams
        self.reserved = ReservedGroups(names: reserved)
        shared = Shard.SharedState(counters: counters)
        router.add(middleware: ProblemMiddleware())
        HealthRoutes.register(in: router)
        MessageRoutes(log: log, reserved: self.reserved).register(in: router)
        GroupRoutes(log: log, subscribers: shared.subscribers, reserved: self.reserved).register(in: router)
        for stream in streams { router.resource(RouterPath(stream.path), onLoop: [.get, .head], [:]) }
        MetricsRoutes(log: log, counters: shared.counters).register(in: router)
        responder = router.buildResponder()
    }

    /// What the gateway has counted since it was made.
    public var counters: Counters { shared.counters }

    /// Serves until the surrounding service group, or task, is told to shut down; then ends all streams within the grace
    /// time, so that clients come back to another process, or later.
    public func run() async throws {
        let port = try await start()
        await onStart(port)
        try? await gracefulShutdown()
        await stop()
    }

    /// Begins to serve.
    ///
    /// - Returns: The port.
    /// - Throws: ``GatewayError``: `addressInUse`, `cannotListen`.
    public func start() async throws(GatewayError) -> Int {
        let bound = if let listener { listener } else { try await GatewayListener.bind(configuration) }
        let server = try await Server.start(
            bound,
            configuration,
            log: log,
            shared: shared,
            streams: streams,
            reserved: reserved,
            responder: responder,
            logger: logger
        )
        self.server.withLock { $0 = server }
        return server.port
    }

    /// Ends the streams, each with `retry:` and a whole body, finishes the requests under way, and closes what is left
    /// after the grace time; then lets go of the log: its shards leave their groups and observe no removals any more.
    /// Returns at once when nothing is open. Publishes that the store has not committed yet are waited for.
    ///
    /// The order of an end is: the gateway, whatever else publishes or sweeps (``Retention``), the log, the store.
    public func stop() async {
        await server.withLock { server in
            defer { server = nil }
            return server
        }?.stop(grace: TimeAmount(configuration.grace))
    }
}

extension GatewayConfiguration {
    /// Checks what can be checked without starting.
    ///
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`, whose message names the option.
    public func validate() throws(GatewayError) {
        guard allowsPublicHost || Self.isLoopback(host) else {
            throw GatewayError(
                .invalidConfiguration,
                "There is no access control yet: anybody who reaches '\(host)' could read and write every group. Listen on "
                    + "127.0.0.1, or add --insecure to do it all the same."
            )
        }
        let positive: [(String, Int)] = [
            ("--max-connections", maximumConnections), ("--max-header-size", maximumHeaderBytes),
            ("--max-groups-per-stream", maximumGroupsPerStream), ("--recent-messages-size", recentMessageBytes),
            ("--inbox-size", inboxBytes), ("--connection-buffer-size", connectionBufferBytes),
            ("--max-pinned-size", pinnedBytes), ("--max-body-size", maximumBodyBytes ?? 1),
            ("--event-loops", eventLoops ?? 1), ("--max-batch-size", maximumBatchBytes),
            ("--max-answers-size", maximumAnswerBytes),
            ("--max-batch-messages", maximumBatchMessages),
        ]
        for (option, value) in positive where value < 1 {
            throw GatewayError(.invalidConfiguration, "\(option) is \(value): it must be at least 1.")
        }
        // Each group is one term of a statement, of which SQLite takes 500 (https://www.sqlite.org/limits.html).
        guard maximumGroupsPerStream <= 400 else {
            throw GatewayError(
                .invalidConfiguration,
                "--max-groups-per-stream is \(maximumGroupsPerStream): it may be at most 400."
            )
        }
        let durations: [(String, Duration)] = [
            ("--heartbeat", heartbeat), ("--head-timeout", headTimeout), ("--idle-timeout", idleTimeout),
            ("--body-timeout", bodyTimeout), ("--stall-timeout", stallTimeout), ("--retry", retry),
        ]
        for (option, value) in durations where value < .milliseconds(1) {
            throw GatewayError(.invalidConfiguration, "\(option) is \(value): it must be at least 1ms.")
        }
        for origin in allowedOrigins where origin != "*" && !Self.isOrigin(origin) {
            throw GatewayError(
                .invalidConfiguration,
                "--allow-origin '\(origin)' is no origin: give scheme, host and port only, such as https://example.org, or *."
            )
        }
    }

    /// An ASCII serialisation of an origin (RFC 6454 §6.2): no path, not even `/`.
    private static func isOrigin(_ text: String) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: { text.hasPrefix($0) }) else { return false }
        let rest = text.dropFirst(scheme.count)
        return !rest.isEmpty && rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
    }
}
