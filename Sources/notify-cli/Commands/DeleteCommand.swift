import ArgumentParser
import NotifyClient

/// `notify-cli delete`: removes one message.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a message of a group.",
        discussion: """
            It leaves history and every later replay. Who has received it keeps it.

            Examples:
              notify-cli delete --group my-group k7f2q9-1042
            """
    )

    @Option(help: "The group. NOTIFY_GROUP.")
    var group: String?

    @Argument(help: "The message's id, as send and history print it.")
    var id: String

    @OptionGroup var client: ClientOptions

    private struct Report: Encodable {
        let group: String
        let deleted: String
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let group = try settings.group(option: group)
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                try await client.delete(group: group, id: id)
                try StandardOutput.write(
                    line: printer.json
                        ? printer.jsonLine(Report(group: group, deleted: id)) : "Deleted \(id) from \(group)."
                )
            }
        }
    }
}
