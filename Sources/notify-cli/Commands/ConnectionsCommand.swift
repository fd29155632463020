import ArgumentParser
import NotifyClient

/// `notify-cli connections`: prints the streams that are open.
struct ConnectionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connections",
        abstract: "Print who is connected: the open streams, who they are for, and how far behind.",
        discussion: """
            With keys this needs a token with the right 'admin'.

            Examples:
              notify-cli connections
              notify-cli connections --json
            """
    )

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                var (after, isFirst) = (String?.none, true)
                repeat {
                    let page = try await client.connections(after: after, limit: 1000)
                    if !printer.json, isFirst, !page.connections.isEmpty {
                        try StandardOutput.write(line: Self.heading)
                    }
                    isFirst = false
                    for connection in page.connections {
                        try StandardOutput.write(
                            line: printer.json ? printer.jsonLine(connection) : Self.row(connection)
                        )
                    }
                    after = page.hasMore ? page.connections.last?.id : nil
                } while after != nil
            }
        }
    }

    private static let heading = row(["ID", "STATE", "WAITING", "SINCE", "ADDRESS", "USER", "FOLLOWS"])

    /// What it follows comes last: it is the one column without a bound that fits a screen.
    static func row(_ connection: OpenConnection) -> String {
        row([
            connection.id, connection.state, String(connection.waitingBytes), connection.since,
            connection.address ?? "-",
            connection.user?.escapedForTerminal.split { $0.isNewline || $0 == "\t" }.joined(separator: " ") ?? "-",
            (connection.groups + connection.match).joined(separator: ","),
        ])
    }

    private static let widths = [12, 11, 9, 24, 15, 12, 0]

    private static func row(_ columns: [String]) -> String {
        zip(columns, widths).map { text, width in
            text + String(repeating: " ", count: max(0, width - text.count))
        }.joined(separator: "  ")
    }
}
