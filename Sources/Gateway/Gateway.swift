public import Broker
import CoreMetrics
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
    /// Every path that the router knows.
    let paths: [String]
    private let responder: any HTTPResponder<GatewayContext>
    private let logger: Logger
    private let shared: Shard.SharedState
    private let readiness: Readiness
    private let openStreams: OpenStreams
    private let streams: [StreamRoute]
    private let sockets: [SocketRoute]
    private let terms: AccessTerms
    private let keys: Mutex<AccessKeys?>
    private let onStart: @Sendable (Int) async -> Void
    private let socket: ListeningSocket?
    private let server = Mutex<Server?>(nil)
    let certificates: Certificates?
    /// What it tells of itself.
    let metrics: GatewayMetrics
    private let watching = Mutex<Task<Void, Never>?>(nil)
    /// Copies figures into the program's own metrics system, where it has one.
    private let mirroring = Mutex<Task<Void, Never>?>(nil)
    /// How connections of the port are set up, from the next start on; nil: as the configuration says.
    let pipeline = Mutex<ConnectionPipeline?>(nil)

    /// - Parameters:
    ///   - router: Further routes; the gateway adds its own.
    ///   - streams: Event streams on further paths.
    ///   - sockets: WebSockets on further paths.
    ///   - reserved: Groups that the public routes refuse: they can be had through `streams` only.
    ///   - counters: What the gateway counts into; one of its own by default.
    ///   - openStreams: What shows the gateway's streams; one of its own by default.
    ///   - administrators: Sessions that open `/metrics` and `/connections` as the right `admin` does; none by default.
    ///   - socket: Where to listen, bound beforehand; by default the gateway binds what the configuration says.
    ///   - keys: The keys that the configuration names, read beforehand; by default ``start()`` reads them.
    ///   - onStart: Called by ``run()`` with the port, once connections are accepted.
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`.
    public init(
        log: MessageLog,
        configuration: GatewayConfiguration = GatewayConfiguration(),
        router: Router<GatewayContext> = Router(context: GatewayContext.self),
        streams: [StreamRoute] = [],
        sockets: [SocketRoute] = [],
        reserved: Set<GroupName> = [],
        counters: Counters = Counters(),
        openStreams: OpenStreams = OpenStreams(),
        administrators: AdministratorSessions? = nil,
        logger: Logger = Logger(label: "notify"),
        socket: ListeningSocket? = nil,
        keys: AccessKeys? = nil,
        onStart: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(GatewayError) {
        try configuration.validate()
        self.log = log
        self.configuration = configuration
        self.logger = logger
        self.onStart = onStart
        self.socket = socket
        (self.streams, self.sockets) = (streams, sockets)
        self.openStreams = openStreams
        certificates = try configuration.tls.map { files throws(GatewayError) in try Certificates(files, logger) }
        terms = AccessTerms(
            applicationGroups: reserved,
            everybody: Rights(
                publish: GroupPatterns(configuration.access.anonymousPublish),
                subscribe: GroupPatterns(configuration.access.anonymousSubscribe)
            )
        )
        self.keys = Mutex(keys)
        shared = Shard.SharedState(
            counters: counters,
            presence: LocalPresence(delay: configuration.presenceDelay),
            bodies: MemoryBudget(limit: configuration.maximumBodiesBytes),
            answers: LargeAnswers(limit: configuration.maximumAnswerBytes),
            patterns: FollowedPatterns(limit: configuration.maximumPatterns),
            strangers: Strangers(configuration, counters)
        )
        router.add(middleware: ProblemMiddleware())
        readiness = Readiness(log: log, outside: shared.outside)
        HealthRoutes.register(in: router, readiness: readiness)
        MessageRoutes(log: log, answers: shared.answers, limits: configuration.limits(log, streams, sockets))
            .register(in: router)
        GroupRoutes(log: log, subscribers: shared.subscribers).register(in: router)
        PresenceRoutes(presence: shared.presence).register(in: router)
        for stream in streams { router.resource(RouterPath(stream.path), onLoop: [.get, .head], [:]) }
        for socket in sockets { router.resource(RouterPath(socket.path), onLoop: [.get], [:]) }
        metrics = GatewayMetrics(log: log, shared: shared, configuration: configuration)
        MetricsRoutes(metrics: metrics, sessions: administrators).register(in: router)
        ConnectionRoutes(streams: openStreams, sessions: administrators).register(in: router)
        DescriptionRoutes.register(in: router)
        paths = Array(Set(router.routes.map { "\($0.path)" })).sorted()
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
    /// - Throws: ``GatewayError``: `addressInUse`, `cannotListen`; `invalidConfiguration` for keys that cannot be read.
    public func start() async throws(GatewayError) -> Int {
        let keys = try await accessKeys()
        let server = try await Server.start(
            configuration,
            on: socket,
            log: log,
            shared: shared,
            streams: streams,
            sockets: sockets,
            terms: terms,
            keys: keys,
            readiness: readiness,
            openStreams: openStreams,
            responder: responder,
            pipeline: pipeline(of:),
            logger: logger
        )
        self.server.withLock { $0 = server }
        watchFiles(keys)
        mirrorMetrics(into: MetricsSystem.factory)
        let largest = max(configuration.maximumBatchBytes, configuration.maximumBodyBytes ?? log.bodyBytes)
        if configuration.maximumBodiesBytes / 4 * 3 < largest {
            logger.warning(
                """
                Large bodies may take three quarters of the memory for bodies, and the largest is more than that: it is \
                refused for ever. Raise --max-bodies-size, or lower --max-batch-size and --max-body-size
                """,
                metadata: ["all-bodies": "\(configuration.maximumBodiesBytes)", "largest": "\(largest)"]
            )
        }
        if configuration.allowsPublicHost, !configuration.access.hasKeys, configuration.listensOnPort,
            !GatewayConfiguration.isLoopback(configuration.host)
        {
            logger.warning(
                "Everybody who reaches this server may read and write every group (--insecure). Keys change that: --api-keys"
            )
        }
        if configuration.allowedOrigins.contains("*") {
            logger.warning(
                """
                Pages of all sites may read and write every group, through the browsers of those who reach this server \
                (--allow-origin '*'). Better name the origins that you mean
                """
            )
        }
        return server.port
    }

    private func pipeline(of entrance: Arrival.Entrance) -> ConnectionPipeline {
        let cleartext = configuration.allowsCleartextHTTP2 ? ConnectionPipeline.gated(.cleartext) : .http1
        return switch entrance {
        case .port: pipeline.withLock { $0 } ?? certificates.map { .gated(.tls($0)) } ?? cleartext
        case .unixSocket: cleartext
        case .operations: .http1
        }
    }

    /// The port with figures and health; nil where there is none, and while it does not serve.
    public var operationsPort: Int? { server.withLock { $0?.operationsPort } }

    /// Reads again what can be read while it serves, as after SIGHUP: keys, and the certificate with its own. Connections that
    /// are open keep their certificate; streams of keys that are gone have ended when this returns.
    ///
    /// - Returns: The keys that there are now; nil where there are none.
    /// - Throws: ``GatewayError``: files that cannot be used. What was read from them before stays.
    @discardableResult
    public func reload() async throws(GatewayError) -> AccessKeys.Report? {
        let certificate = Result { () throws(GatewayError) in try certificates?.reload() }
        let report = try await keys.withLock { $0 }?.reload()
        _ = try certificate.get()
        return report
    }

    /// Allows the pages of these origins, and of no others, from now on. The pages of applications may have a list of their own.
    ///
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`: one of them is no origin. Then nothing changes.
    public func allow(origins: [String]) async throws(GatewayError) {
        var configuration = configuration
        configuration.allowedOrigins = origins
        try configuration.validateOrigins()
        await server.withLock { $0 }?.change(to: AccessPolicy(configuration, logger))
    }

    private func watchFiles(_ keys: AccessKeys?) {
        let watch: @Sendable () async -> Void = { [certificates] in
            await withTaskGroup(of: Void.self) { tasks in
                if let keys { tasks.addTask { await keys.keepFresh() } }
                if let certificates { tasks.addTask { await certificates.watch() } }
            }
        }
        if keys != nil || certificates != nil { watching.withLock { $0 = Task(operation: watch) } }
    }

    private func mirrorMetrics(into factory: any MetricsFactory) {
        guard let mirror = MetricsMirror(into: factory) else { return }
        let work: @Sendable () async -> Void = { [metrics] in
            var mirror = mirror
            while !Task.isCancelled {
                mirror.copy(metrics.families)
                try? await Task.sleep(for: MetricsMirror.period)
            }
            // What came since the last copy.
            mirror.copy(metrics.families)
        }
        mirroring.withLock { $0 = Task(operation: work) }
    }

    private func accessKeys() async throws(GatewayError) -> AccessKeys? {
        guard configuration.access.hasKeys else { return nil }
        if let keys = keys.withLock({ $0 }) { return keys }
        let read = try await AccessKeys(configuration.access, logger: logger)
        keys.withLock { $0 = read }
        return read
    }

    /// Connections that the system holds until they are accepted, at most; 0 while it does not serve.
    var backlog: Int { server.withLock { $0?.backlog ?? 0 } }

    /// Ends the streams, each with `retry:` and a whole body, finishes the requests under way, and closes what is left
    /// after the grace time. Returns at once when nothing is open.
    public func stop() async {
        watching.withLock { $0 }?.cancel()
        await server.withLock { server in
            defer { server = nil }
            return server
        }?.stop(grace: TimeAmount(configuration.grace))
        let mirroring = mirroring.withLock { $0 }
        mirroring?.cancel()
        await mirroring?.value
    }
}
