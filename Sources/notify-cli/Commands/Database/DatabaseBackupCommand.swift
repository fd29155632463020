import ArgumentParser
import Broker

/// `notify-cli database backup`: makes a copy.
struct DatabaseBackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a database into a new file.",
        discussion: """
            The copy is whole in itself, whatever is published meanwhile, and needs no other file beside it. A server that \
            opens it gives its messages ids that begin otherwise than in the original, so that nobody takes one for the \
            other: clients that come from the original are told so.

            Examples:
              notify-cli database backup --output backup.sqlite
              notify-cli database backup --database /var/lib/notify/notify.sqlite --output /backup/$(date +%F).sqlite
            """
    )

    @Option(help: "Where the copy goes: a path where no file is yet. NOTIFY_OUTPUT.", completion: .file())
    var output: String?

    @OptionGroup var options: DatabaseOptions

    private struct Report: Encodable {
        let database: String
        let output: String
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try options.configuration.settings()
            guard let output = try settings.string(.output, option: output) else {
                throw UsageError("No place for the copy is named: give one with --output, or in NOTIFY_OUTPUT.")
            }
            let tools = try options.tools(settings)
            try tools.backup(to: output)
            try options.print(
                settings,
                json: Report(database: tools.path, output: output),
                text: "\(tools.path) was copied to \(output)."
            )
        }
    }
}
