import ArgumentParser
import Broker

/// `notify-cli database`: what an operator does with the file, also while a server runs.
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database",
        abstract: "Check, copy, shrink or describe a database, also while a server runs.",
        subcommands: [
            DatabaseCheckCommand.self, DatabaseBackupCommand.self, DatabaseVacuumCommand.self,
            DatabaseStatsCommand.self,
        ]
    )
}

/// What all of them take.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "The database file (default: notify.sqlite). NOTIFY_DATABASE.", completion: .file())
    var database: String?

    @Flag(help: "Print for programs: one JSON object. NOTIFY_JSON.")
    var json = false

    @OptionGroup var configuration: ConfigOptions

    func tools(_ settings: Settings) throws -> DatabaseTools {
        try DatabaseTools(path: try settings.string(.database, option: database) ?? ServeStorage.defaultPath)
    }

    /// Prints the JSON or the text for people, whichever was asked for.
    func print(_ settings: Settings, json value: some Encodable, text: String) throws {
        let printer = Printer(json: try settings.bool(.json, option: json ? true : nil) ?? false)
        try StandardOutput.write(line: printer.json ? printer.jsonLine(value) : text)
    }
}
