import ArgumentParser
import NotifyClient

/// `notify-cli groups`: prints the groups with their counts.
struct GroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups",
        abstract: "Print the groups with their counts.",
        discussion: """
            Examples:
              notify-cli groups
              notify-cli groups --prefix user- --json
            """
    )

    @Option(help: "Only groups whose names begin with this. NOTIFY_PREFIX.")
    var prefix: String?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let prefix = try settings.string(.prefix, option: prefix)
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                var after: String?
                var isFirst = true
                repeat {
                    let page = try await client.groups(prefix: prefix, after: after, limit: 1000)
                    if !printer.json, isFirst, !page.groups.isEmpty { try StandardOutput.write(line: Self.heading) }
                    isFirst = false
                    for group in page.groups {
                        try StandardOutput.write(line: printer.json ? printer.jsonLine(group) : Self.row(group))
                    }
                    after = page.hasMore ? page.groups.last?.group : nil
                } while after != nil
            }
        }
    }

    private static let heading = row("MESSAGES", "SUBSCRIBERS", "LAST ID", "GROUP")

    /// The name comes last: it is the one column without a bound that fits a screen.
    static func row(_ group: GroupSummary) -> String {
        row(String(group.messages), String(group.subscribers), group.lastID ?? "-", group.group)
    }

    private static func row(_ messages: String, _ subscribers: String, _ lastID: String, _ group: String) -> String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count))
        }
        return pad(messages, 10) + messages + "  " + pad(subscribers, 11) + subscribers + "  " + lastID
            + pad(lastID, 20) + "  " + group
    }
}
