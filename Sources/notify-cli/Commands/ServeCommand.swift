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
            within --grace, and their clients come back to the next server without missing anything.

            Examples:
              notify-cli serve
              notify-cli serve --port 9000 --database /var/lib/notify/notify.sqlite
              notify-cli serve --port 0 --database :memory:
              notify-cli serve --allow-origin https://example.org
              notify-cli serve --retain 'logs.*=7d,1GiB' --retain '*=90d'
            """
    )

    @OptionGroup(title: "Listening") var listening: ServeListening
    @OptionGroup(title: "Storage") var storage: ServeStorage
    @OptionGroup(title: "Chat") var chat: ServeChat
    @OptionGroup(title: "Limits") var limits: ServeLimits
    @OptionGroup var config: ConfigOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try config.settings()
            LoggingSystem.bootstrap(StreamLogHandler.standardError)
            var logger = Logger(label: "notify")
            logger.logLevel = try settings.logLevel(option: limits.logLevel)
            var gatewayConfiguration = try limits.gatewayConfiguration(settings)
            try listening.apply(to: &gatewayConfiguration, settings)
            OpenFiles.bound(&gatewayConfiguration, logger)
            try gatewayConfiguration.validate()
            let chatConfiguration = try chat.configuration(settings, gatewayConfiguration)
            let plan = Plan(
                gateway: gatewayConfiguration,
                log: try limits.logConfiguration(settings),
                path: try storage.path(settings),
                store: try storage.storeConfiguration(settings, logger),
                retention: try storage.retention(settings),
                chat: chatConfiguration
            )
            let signals = await ServeSignals.trap(logger)
            // Before the database and the admin's password are made: a start that is refused leaves nothing behind.
            let socket = try ListeningSocket(gatewayConfiguration)
            guard !signals.isStopping else { return }
            try await Self.serve(plan, socket, signals, logger)
        }
    }

    /// All that was asked for.
    private struct Plan {
        let gateway: GatewayConfiguration
        let log: MessageLog.Configuration
        let path: String
        let store: SQLiteMessageStore.Configuration
        let retention: RetentionPolicy
        let chat: ChatConfiguration?
    }

    /// Returns when the server was told to stop and has stopped.
    ///
    /// What writes ends before the log, and the log before the store: a store that is closed under a sweep or a publish
    /// looks as if it had not been closed, and gets a new epoch.
    private static func serve(
        _ plan: Plan,
        _ socket: ListeningSocket,
        _ signals: ServeSignals,
        _ logger: Logger
    ) async throws {
        let store = try SQLiteMessageStore(path: plan.path, configuration: plan.store)
        let outcome: Result<Void, any Error>
        do {
            let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: plan.log)
            outcome = await serve(log, store, plan, socket, signals, logger)
            await log.close()
        } catch {
            outcome = .failure(error)
        }
        do {
            try await store.close()
        } catch {
            // What went wrong before it is told rather.
            try outcome.get()
            throw error
        }
        try outcome.get()
    }

    private static func serve(
        _ log: MessageLog,
        _ store: SQLiteMessageStore,
        _ plan: Plan,
        _ socket: ListeningSocket,
        _ signals: ServeSignals,
        _ logger: Logger
    ) async -> Result<Void, any Error> {
        do {
            var chat: Chat?
            if let configuration = plan.chat {
                chat = try await Chat(log: log, store: store, configuration: configuration)
            }
            let group = try services(log, plan, chat, socket, greeting: Greeting(store, plan.retention, chat), logger)
            return .success(try await signals.run(group))
        } catch {
            return .failure(error)
        }
    }

    /// They end in the order opposite to this, each when the one behind it has ended; the group's run returns when all of
    /// them have.
    private static func services(
        _ log: MessageLog,
        _ plan: Plan,
        _ chat: Chat?,
        _ socket: ListeningSocket,
        greeting: Greeting,
        _ logger: Logger
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
            logger: logger,
            socket: socket
        ) { port in
            try? StandardOutput.write(line: greeting.text(host: plan.gateway.host, port: port))
        }
        let sweeper = RetentionService(retention: Retention(log: log, policy: plan.retention, logger: logger))
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: sweeper),
            .init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup),
        ]
        if let chat { services.append(.init(service: chat, successTerminationBehavior: .ignore)) }
        // ``ServeSignals`` tells it of the signals.
        return ServiceGroup(configuration: .init(services: services, logger: logger))
    }
}

/// Removes what is not to be kept, for as long as the server runs.
private struct RetentionService: Service {
    let retention: Retention

    func run() async throws {
        await cancelWhenGracefulShutdown { await retention.run() }
    }
}
