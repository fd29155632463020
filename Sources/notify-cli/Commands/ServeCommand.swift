import ArgumentParser
import Broker
import Chat
import Foundation
import Gateway
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

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
            // Others' signals must not end a server with open streams.
            OtherSignals.ignore()
            // Before the database is made: a refused start leaves nothing behind.
            try gatewayConfiguration.validate()
            let chatConfiguration = try chat.configuration(settings, gatewayConfiguration)
            let retention = try storage.retention(settings)
            let logConfiguration = try limits.logConfiguration(settings)
            let socket = try ListeningSocket(gatewayConfiguration)
            let store = try SQLiteMessageStore(
                path: try storage.path(settings),
                configuration: try storage.storeConfiguration(settings, logger)
            )
            let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: logConfiguration)
            var chat: Chat?
            if let chatConfiguration {
                chat = try await Chat(log: log, store: store, configuration: chatConfiguration)
            }
            let greeting = Greeting(store, retention, chat)
            try await Self.serve(log, gatewayConfiguration, socket, retention, chat, greeting: greeting, logger)
            // The sweeper and the chat have ended by now. What waits is committed, then nothing writes any more.
            await log.close()
            try await store.close()
        }
    }

    /// Returns when the server was told to stop and has stopped.
    private static func serve(
        _ log: MessageLog,
        _ configuration: GatewayConfiguration,
        _ socket: ListeningSocket,
        _ retention: RetentionPolicy,
        _ chat: Chat?,
        greeting: Greeting,
        _ logger: Logger
    ) async throws {
        let router = Router(context: GatewayContext.self)
        chat?.register(in: router)
        let gateway = try Gateway(
            log: log,
            configuration: configuration,
            router: router,
            streams: chat?.streams ?? [],
            reserved: Chat.reservedGroups,
            counters: chat?.counters ?? Counters(),
            logger: logger,
            socket: socket
        ) { port in
            try? StandardOutput.write(line: greeting.text(host: configuration.host, port: port))
        }
        let sweeper = RetentionService(retention: Retention(log: log, policy: retention, logger: logger))
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: sweeper),
            .init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup),
        ]
        if let chat { services.append(.init(service: chat, successTerminationBehavior: .ignore)) }
        services.append(.init(service: OtherSignals(logger: logger), successTerminationBehavior: .ignore))
        let group = ServiceGroup(
            configuration: .init(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
    }
}

/// Removes what is not to be kept, for as long as the server runs.
private struct RetentionService: Service {
    let retention: Retention

    func run() async throws {
        await cancelWhenGracefulShutdown { await retention.run() }
    }
}
