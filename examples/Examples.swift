import Broker
import Gateway
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs one of the programs of docs/embedding.md until Ctrl-C: `swift run examples numbers`.
@main struct Examples {
    static func main() async throws {
        let log = try MessageLog(
            store: SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath),
            layer: InMemoryChannelLayer()
        )
        let configuration = GatewayConfiguration()
        let service: any Service
        switch CommandLine.arguments.dropFirst().first {
        case "numbers": service = try numbers(log: log, configuration: configuration)
        case "own-application": service = try ownApplication(log: log, configuration: configuration)
        case "foreign-server": service = try foreignServer(layer: InMemoryChannelLayer(), port: configuration.port)
        case "second-tutorial": service = try secondTutorial(log: log, configuration: configuration)
        case "synchronous-code":
            service = try ownApplication(log: log, configuration: configuration)
            sendFromAThread((1...100).map { "\($0)" }, log)
        default:
            return print("Which one? numbers, own-application, foreign-server, synchronous-code, second-tutorial")
        }
        let services = ServiceGroup(
            services: [service],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "examples")
        )
        print("http://127.0.0.1:\(configuration.port)")
        try await services.run()
        await log.close()
        try await log.store.close()
    }
}
