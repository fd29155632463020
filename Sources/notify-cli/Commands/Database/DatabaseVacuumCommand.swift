import ArgumentParser
import Broker
import Logging

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
        let pending: Int

        enum CodingKeys: String, CodingKey {
            case database
            case before = "bytes_before"
            case after = "bytes_after"
            case pending = "bytes_pending"
        }
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try options.configuration.settings()
            let isFull = try settings.bool(.full, option: full ? true : nil) ?? false
            let tools = try options.tools(settings)
            let sizes = try await tools.vacuum(
                full: isFull,
                logger: Logger(label: "notify", factory: { StreamLogHandler.standardError(label: $0) })
            )
            var text = "\(tools.path) had \(sizes.before.sizeText), and has \(sizes.after.sizeText)."
            if sizes.pending > 0 {
                text += " Another \(sizes.pending.sizeText) go when those who read now are done."
            }
            try options.print(
                settings,
                json: Report(
                    database: tools.path,
                    before: sizes.before,
                    after: sizes.after,
                    pending: sizes.pending
                ),
                text: text
            )
        }
    }
}
