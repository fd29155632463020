import ArgumentParser
import NotifyClient

/// `notify-cli presence`: prints who follows a group.
struct PresenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presence",
        abstract: "Print who follows a group by its name.",
        discussion: """
            Users are known by their tokens. Connections of nobody who is known are counted only. With --json the first line \
            has the group and the count, and each user has a line.

            Examples:
              notify-cli presence --group my-group
              notify-cli presence --group my-group --json
            """
    )

    @Option(help: "The group. NOTIFY_GROUP.")
    var group: String?

    @OptionGroup var client: ClientOptions

    private struct Count: Encodable {
        let group: String
        let count: Int
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let group = try settings.group(option: group)
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                var page = try await client.presence(group: group, limit: 1000)
                try StandardOutput.write(
                    line: printer.json
                        ? printer.jsonLine(Count(group: group, count: page.count)) : "\(page.count) in \(group)"
                )
                if !printer.json, !page.users.isEmpty { try StandardOutput.write(line: Self.heading) }
                while true {
                    for user in page.users {
                        try StandardOutput.write(
                            line: printer.json ? printer.jsonLine(user) : Self.row(user, printer.jsonLine(user.info))
                        )
                    }
                    guard page.hasMore, let last = page.users.last?.user else { break }
                    page = try await client.presence(group: group, after: last, limit: 1000)
                }
            }
        }
    }

    private static let heading = row("CONNECTIONS", "SINCE", "USER", "INFO")

    /// What it shows comes last: it is the one column without a bound that fits a screen.
    static func row(_ user: GroupPresence.User, _ info: String) -> String {
        let name = user.user.escapedForTerminal.split { $0.isNewline || $0 == "\t" }.joined(separator: " ")
        return row(String(user.connections), user.since, name, user.info == .null ? "-" : info.escapedForTerminal)
    }

    private static func row(_ connections: String, _ since: String, _ user: String, _ info: String) -> String {
        func pad(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count))
        }
        return pad(connections, 11) + connections + "  " + since + pad(since, 24) + "  " + user + pad(user, 16) + "  "
            + info
    }
}
