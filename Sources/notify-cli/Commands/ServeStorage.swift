import ArgumentParser
import Broker
import Logging

/// What `serve` keeps, for how long, and how surely.
struct ServeStorage: ParsableArguments {
    private typealias Limits = SQLiteMessageStore.Configuration.Settings

    static let defaultPath = "notify.sqlite"

    @Option(
        help: "The database file; ':memory:' keeps nothing (default: notify.sqlite). NOTIFY_DATABASE.",
        completion: .file()
    )
    var database: String?

    @Option(
        help: """
            'full': a message that was answered survives a power failure. 'normal': it survives a crash of the server; the \
            newest may be gone after a power failure (default: full). NOTIFY_DURABILITY.
            """
    )
    var durability: String?

    @Option(
        help: ArgumentHelp(
            "How long messages of groups are kept; may be repeated, the first that matches counts. NOTIFY_RETAIN.",
            discussion: """
                PATTERN=LIMIT[,LIMIT…], where a limit is an age (7d), a number of messages (100000), or a size in bytes \
                (1GiB); 'all' keeps everything, as groups do that no rule matches. In patterns, * stands for any \
                characters.
                """,
            valueName: "rule"
        )
    )
    var retain: [String] = []

    @Option(parsing: .unconditional, help: .setting(Limits.maxWALSize))
    var maxWalSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxEmptiedGroups))
    var maxEmptiedGroups: String?

    func path(_ settings: Settings) throws -> String {
        settings.declare(.database, default: Self.defaultPath)
        let advice = "give the path of a file, or ':memory:'"
        return try settings.value(.database, option: database, advice) { $0.isEmpty ? nil : $0 } ?? Self.defaultPath
    }

    func storeConfiguration(
        _ settings: Settings,
        _ logger: Logger
    ) throws -> SQLiteMessageStore.Configuration {
        var configuration = SQLiteMessageStore.Configuration(logger: logger)
        settings.declare(.durability, default: configuration.durability.rawValue)
        let names = Durability.allCases.map(\.rawValue).joined(separator: " or ")
        if let durability = try settings.value(.durability, option: durability, "use \(names)", Durability.init) {
            configuration.durability = durability
        }
        try settings.apply(Limits.maxWALSize, option: maxWalSize, to: &configuration)
        try settings.apply(Limits.maxEmptiedGroups, option: maxEmptiedGroups, to: &configuration)
        return configuration
    }

    func retention(_ settings: Settings) throws -> RetentionPolicy {
        try settings.retention(options: retain)
    }
}
