import ArgumentParser
import Broker

/// `notify-cli database backup`: makes a copy.
struct DatabaseBackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a database into a new file.",
        discussion: """
            The copy is whole in itself, whatever is published meanwhile, and needs no other file beside it. Ids of new \
            messages in it begin otherwise than in the original, so that nobody mistakes one for the other: clients that \
            come from the original are told so.

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
        let epoch: String
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try options.configuration.settings()
            guard let output = try settings.string(.output, option: output) else {
                throw UsageError("No place for the copy is named: give one with --output, or in NOTIFY_OUTPUT.")
            }
            let tools = try options.tools(settings)
            let epoch = try tools.backup(to: output)
            try options.print(
                settings,
                json: Report(database: tools.path, output: output, epoch: "\(epoch)"),
                text: "\(tools.path) was copied to \(output). Ids of the copy begin with '\(epoch)-'."
            )
        }
    }
}
