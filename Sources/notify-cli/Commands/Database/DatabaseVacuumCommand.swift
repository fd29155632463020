import ArgumentParser
import Broker

/// `notify-cli database vacuum`: gives free space back.
struct DatabaseVacuumCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vacuum",
        abstract: "Give the free space of a database back to the file system.",
        discussion: """
            A running server does so by itself, but keeps some for the messages to come.

            Examples:
              notify-cli database vacuum
              notify-cli database vacuum --full    (while no server runs)
            """
    )

    @Flag(
        help: """
            Write the whole file anew, as small as it can be. Needs as much space again, and no server may run. NOTIFY_FULL.
            """
    )
    var full = false

    @OptionGroup var options: DatabaseOptions

    private struct Report: Encodable {
        let database: String
        let before: Int
        let after: Int

        enum CodingKeys: String, CodingKey {
            case database
            case before = "bytes_before"
            case after = "bytes_after"
        }
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try options.configuration.settings()
            let isFull = try settings.bool(.full, option: full ? true : nil) ?? false
            let tools = try options.tools(settings)
            let (before, after) = try await tools.vacuum(full: isFull)
            try options.print(
                settings,
                json: Report(database: tools.path, before: before, after: after),
                text: "\(tools.path) had \(before.sizeText), and has \(after.sizeText)."
            )
        }
    }
}
