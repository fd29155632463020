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
            """
    )

    @Option(help: "The address to listen on (default: 127.0.0.1). NOTIFY_HOST.")
    var host: String?

    @Option(help: "The port; 0 takes a free one (default: 8080). NOTIFY_PORT.")
    var port: Int?

    @Option(
        help: "The database file; ':memory:' keeps nothing (default: notify.sqlite). NOTIFY_DATABASE.",
        completion: .file()
    )
    var database: String?

    @Flag(
        help:
            "Allow a --host that is not loopback, although everybody who reaches it may do everything. NOTIFY_INSECURE."
    )
    var insecure = false

    @Option(help: "An origin whose pages may use the server, or '*'; may be repeated. NOTIFY_ALLOW_ORIGIN.")
    var allowOrigin: [String] = []

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
            gatewayConfiguration.host = try settings.string(.host, option: host) ?? "127.0.0.1"
            gatewayConfiguration.port = try settings.int(.port, option: port, in: 0...65_535) ?? 8080
            gatewayConfiguration.allowsPublicHost = try settings.bool(.insecure, option: insecure ? true : nil) ?? false
            gatewayConfiguration.allowedOrigins = try settings.strings(.allowOrigin, options: allowOrigin)
            OpenFiles.bound(&gatewayConfiguration, logger)
            try await serve(
                database: try settings.string(.database, option: database) ?? "notify.sqlite",
                try limits.logConfiguration(settings),
                gatewayConfiguration,
                try chat.configuration(settings, host: gatewayConfiguration.host),
                logger
            )
        }
    }

    private func serve(
        database: String,
        _ logConfiguration: MessageLog.Configuration,
        _ gatewayConfiguration: GatewayConfiguration,
        _ chatConfiguration: ChatConfiguration?,
        _ logger: Logger
    ) async throws {
        let host = gatewayConfiguration.host
        // Before the database is made: a refused start leaves nothing behind.
        try gatewayConfiguration.validate()
        let store = try SQLiteMessageStore(path: database)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: logConfiguration)
        var chat: Chat?
        if let chatConfiguration {
            chat = try await Chat(log: log, store: store, configuration: chatConfiguration)
        }
        let router = Router(context: GatewayContext.self)
        chat?.register(in: router)
        let gateway = try Gateway(
            log: log,
            configuration: gatewayConfiguration,
            router: router,
            streams: chat?.streams ?? [],
            reserved: Chat.reservedGroups,
            counters: chat?.counters ?? Counters(),
            logger: logger
        ) { [chat] port in
            try? StandardOutput.write(line: Self.greeting(host: host, port: port, database: database, chat))
        }
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup)
        ]
        if let chat { services.append(.init(service: chat, successTerminationBehavior: .ignore)) }
        let group = ServiceGroup(
            configuration: .init(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
        log.close()
        try await store.close()
    }

    static func greeting(host: String, port: Int, database: String, _ chat: Chat?) -> String {
        // A wildcard address is for listening only.
        let name = ["0.0.0.0": "127.0.0.1", "::": "[::1]"][host] ?? (host.contains(":") ? "[\(host)]" : host)
        let url = "http://\(name):\(port)"
        let kept =
            database == SQLiteMessageStore.inMemoryPath
            ? "Messages are kept in memory and are gone when the server stops."
            : "Messages are kept in \(database). None is ever removed."
        return """
            Notify listens on \(url)
            \(kept)
            \(chat.map { "\n\($0.greeting(url))\n" } ?? "")
            Follow a group:    curl -N \(url)/groups/my-group/events
            Publish to it:     curl -d 'data=hello' \(url)/groups/my-group/messages

            Stop with Ctrl-C.
            """
    }
}
