import ArgumentParser
import Broker
import Chat
import Foundation
import Gateway
import Hummingbird
import Logging
import ServiceLifecycle

/// `notify-cli serve`: the broker and its gateway in one process.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Start the server.",
        discussion: """
            Keeps messages in one SQLite database and serves them over HTTP. Stop it with Ctrl-C or SIGTERM: streams end \
            within --grace, and their clients come back to the next server without missing anything. A second signal \
            ends it at once.

            Examples:
              notify-cli serve
              notify-cli serve --port 9000 --database /var/lib/notify/notify.sqlite
              notify-cli serve --port 0 --database :memory:
              notify-cli serve --allow-origin https://example.org
              notify-cli serve --tls-certificate fullchain.pem --tls-key privkey.pem
              notify-cli serve --host 0.0.0.0 --jwt-key public.pem
              notify-cli serve --retain 'logs.*=7d,1GiB' --retain '*=90d'
              notify-cli serve --config /etc/notify.yaml
            """
    )

    @OptionGroup var options: ServeOptions

    func run() async throws {
        try await reportingErrors {
            // By default it would end the process; nothing that could be read again is old before the start has ended.
            signal(SIGHUP, SIG_IGN)
            LoggingSystem.bootstrap(SharedLogLevel.handler)
            let handedOver = try SocketActivation.socket()
            let settings = try options.config.settings()
            let logger = Logger(label: "notify")
            var plan = try await options.plan(settings, logger, handedOver)
            SharedLogLevel.set(plan.logLevel)
            SharedLogFormat.set(plan.logFormat)
            OpenFiles.bound(&plan.gateway, logger)
            let signals = await ServeSignals.trap(logger)
            // Before the database and the admin's password are made: a start that is refused leaves nothing behind.
            let socket = try ListeningSocket(plan.gateway, handedOver: handedOver)
            guard !signals.isStopping else { return }
            try await Self.serve(plan, socket, signals, logger) { [options] gateway, retention in
                signals.reload(with: ServeReload(options, settings, gateway, retention, logger))
            }
        }
    }

    /// Returns when the server was told to stop and has stopped.
    ///
    /// What writes ends before the log, and the log before the store: a store that is closed under a sweep or a publish
    /// looks as if it had not been closed, and gets a new epoch.
    private static func serve(
        _ plan: ServePlan,
        _ socket: ListeningSocket,
        _ signals: ServeSignals,
        _ logger: Logger,
        _ onMade: (Gateway, RetentionService) -> Void
    ) async throws {
        let store = try SQLiteMessageStore(path: plan.path, configuration: plan.store)
        let outcome: Result<Void, any Error>
        do {
            let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: plan.log)
            outcome = await serve(log, store, plan, socket, signals, logger, onMade)
            await log.close()
        } catch {
            outcome = .failure(error)
        }
        do {
            try await store.close()
        } catch {
            // The earlier failure is the one to report.
            try outcome.get()
            throw error
        }
        try outcome.get()
    }

    private static func serve(
        _ log: MessageLog,
        _ store: SQLiteMessageStore,
        _ plan: ServePlan,
        _ socket: ListeningSocket,
        _ signals: ServeSignals,
        _ logger: Logger,
        _ onMade: (Gateway, RetentionService) -> Void
    ) async -> Result<Void, any Error> {
        do {
            var chat: Chat?
            if let configuration = plan.chat {
                chat = try await Chat(log: log, store: store, configuration: configuration)
            }
            let greeting = Greeting(store, plan.retention, chat, hasKeys: plan.keys != nil)
            let served = ServedAddresses(plan.gateway, socket)
            let group = try services(log, plan, chat, socket, logger, onMade) { port in
                try? StandardOutput.write(line: greeting.text(served))
                signals.serverIsReady("Serves on port \(port)")
            }
            return .success(try await signals.run(group))
        } catch {
            return .failure(error)
        }
    }

    /// They end in the order opposite to this, each when the one behind it has ended; the group's run returns when all of
    /// them have.
    private static func services(
        _ log: MessageLog,
        _ plan: ServePlan,
        _ chat: Chat?,
        _ socket: ListeningSocket,
        _ logger: Logger,
        _ onMade: (Gateway, RetentionService) -> Void,
        onStart: @escaping @Sendable (_ port: Int) async -> Void
    ) throws -> ServiceGroup {
        let router = Router(context: GatewayContext.self)
        chat?.register(in: router)
        let gateway = try Gateway(
            log: log,
            configuration: plan.gateway,
            router: router,
            streams: chat?.streams ?? [],
            reserved: Chat.reservedGroups,
            counters: chat?.counters ?? Counters(),
            openStreams: chat?.openStreams ?? OpenStreams(),
            administrators: chat?.administrators,
            logger: logger,
            socket: socket,
            keys: plan.keys,
            onStart: onStart
        )
        let sweeper = RetentionService(log, plan.retention, logger)
        onMade(gateway, sweeper)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: sweeper),
            .init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup),
        ]
        if let chat { services.append(.init(service: chat, successTerminationBehavior: .ignore)) }
        // ``ServeSignals`` tells it of the signals.
        return ServiceGroup(configuration: .init(services: services, logger: logger))
    }
}
