import ArgumentParser
import NotifyClient

/// `notify-cli purge`: removes the messages of a group.
struct PurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Remove the messages of a group.",
        discussion: """
            All that are stored, or those up to an id. Clients that resume from before are told that some are missing. On a \
            terminal it asks first.

            Examples:
              notify-cli purge --group my-group
              notify-cli purge --group my-group --through k7f2q9-1042 --yes
            """
    )

    @Option(help: "The group. NOTIFY_GROUP.")
    var group: String?

    @Option(help: "The id of the last message that goes (default: all go). NOTIFY_THROUGH.")
    var through: String?

    @Flag(help: "Do not ask. NOTIFY_YES.")
    var yes = false

    @OptionGroup var client: ClientOptions

    private struct Report: Encodable {
        let group: String
        let purged = true
        let through: String?
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let group = try settings.group(option: group)
            let through = try settings.string(.through, option: through)
            let isSure = try settings.bool(.yes, option: yes ? true : nil) ?? false
            let printer = Printer(json: try client.printsJSON(settings))
            let what = through.map { "the messages of \(group) up to \($0)" } ?? "all messages of \(group)"
            try await client.withClient(settings) { client in
                if !isSure, StandardInput.isTerminal, !StandardInput.confirms("Remove \(what)?") {
                    throw NothingDone()
                }
                try await client.purge(group: group, through: through)
                try StandardOutput.write(
                    line: printer.json
                        ? printer.jsonLine(Report(group: group, through: through)) : "Removed \(what)."
                )
            }
        }
    }
}

/// Somebody was asked, and did not agree.
private struct NothingDone: Error, CustomStringConvertible {
    let description = "Nothing was removed: answer 'y', or give --yes."
}
