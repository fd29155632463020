import ArgumentParser
import NotifyClient

/// `notify-cli history`: prints stored messages, oldest first.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Print stored messages of a group, oldest first.",
        discussion: """
            The newest --limit messages; with --since the oldest ones from there.

            Examples:
              notify-cli history --group my-group
              notify-cli history --group my-group --limit 5000 --json > messages.ndjson
              notify-cli history --group my-group --since 1h
            """
    )

    /// The largest page that the server gives.
    private static let pageSize = 1000

    @Option(help: "The group. NOTIFY_GROUP.")
    var group: String?

    @Option(parsing: .unconditional, help: "How many messages at most (default: 100). NOTIFY_LIMIT.")
    var limit: Int?

    @Option(help: "Begin here instead: all, a message id, a duration back such as 10m, or a time. NOTIFY_SINCE.")
    var since: String?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let group = try settings.group(option: group)
            let limit = try settings.int(.limit, option: limit, in: 1...Int.max) ?? 100
            let start = try settings.string(.since, option: since).map { try StartPosition($0) }
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                if let start {
                    try await printForward(group, from: start, limit: limit, with: client, to: printer)
                } else {
                    try await printNewest(group, limit: limit, with: client, to: printer)
                }
            }
        }
    }

    /// Page by page: any number of messages in the memory of one page.
    private func printForward(
        _ group: String,
        from start: StartPosition,
        limit: Int,
        with client: NotifyClient,
        to printer: Printer
    ) async throws {
        var left = limit
        var page = try await client.history(group: group, limit: min(left, Self.pageSize), since: start)
        while true {
            for message in page.messages { try printer.print(message) }
            left -= page.messages.count
            guard page.hasMore, left > 0, let last = page.messages.last?.id else { return }
            page = try await client.history(group: group, limit: min(left, Self.pageSize), after: last)
        }
    }

    /// The server pages backward from the newest, and people read forward: the pages are kept until the first is known.
    private func printNewest(_ group: String, limit: Int, with client: NotifyClient, to printer: Printer) async throws {
        var pages: [HistoryPage] = []
        var left = limit
        var before: String?
        repeat {
            let page = try await client.history(group: group, limit: min(left, Self.pageSize), before: before)
            pages.append(page)
            left -= page.messages.count
            before = page.hasMore ? page.messages.first?.id : nil
        } while left > 0 && before != nil
        for page in pages.reversed() {
            for message in page.messages { try printer.print(message) }
        }
    }
}
