import ArgumentParser
import NotifyClient

/// `notify-cli listen`: prints messages as they come, for as long as it runs.
struct ListenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listen",
        abstract: "Print the messages of groups as they come.",
        discussion: """
            When the connection breaks it is made again and goes on where it was: no message is lost or printed twice. \
            Standard error says when that happens, and when the server no longer has messages that were missed.
            Ends with Ctrl-C, as any program that is interrupted (status 130 in a shell), with --count, and when nobody \
            reads its output any more.

            Examples:
              notify-cli listen --group my-group
              notify-cli listen --group orders --group payments --since all
              notify-cli listen --group my-group --since 10m --json | jq .data
              notify-cli listen --group my-group --last 1 --count 1
              notify-cli listen --match 'orders.*' --group payments
            """
    )

    @Option(help: "A group to follow; may be given several times. NOTIFY_GROUP (with commas between).")
    var group: [String] = []

    @Option(
        help: """
            Follow all groups whose names match, also those to come: 'orders.*' (in quotes, or the shell takes it); may be \
            given several times. NOTIFY_MATCH (with commas between).
            """
    )
    var match: [String] = []

    @Option(
        help: """
            Where to begin: latest (default), all, a message id, a duration back such as 10m, or a time such as \
            2026-11-21T10:54:23Z. NOTIFY_SINCE.
            """
    )
    var since: String?

    @Option(parsing: .unconditional, help: "Begin with the newest so many messages over all the groups. NOTIFY_LAST.")
    var last: Int?

    @Option(parsing: .unconditional, help: "End after so many messages. NOTIFY_COUNT.")
    var count: Int?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let groups = try settings.strings(.group, options: group)
            let patterns = try settings.strings(.match, options: match)
            guard !groups.isEmpty || !patterns.isEmpty else {
                throw UsageError(
                    "No group is named: give at least one with --group, or in NOTIFY_GROUP, or a pattern with --match."
                )
            }
            let start = try start(settings)
            let count = try settings.int(.count, option: count, in: 1...Int.max)
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                let subscription = try client.subscribe(groups: groups, matching: patterns, since: start) {
                    Self.tell($0)
                }
                try await Self.print(subscription, count: count, to: printer)
            }
        }
    }

    /// An option wins over a variable, also where the variable is the other one of the two.
    private func start(_ settings: Settings) throws -> StartPosition {
        guard since == nil || last == nil else {
            throw UsageError("--since and --last both say where to begin: use one of them.")
        }
        if last == nil, let text = try settings.string(.since, option: since) { return try StartPosition(text) }
        return try settings.int(.last, option: last).map { .last($0) } ?? .latest
    }

    /// Prints until the count is reached, and meanwhile looks whether anybody still reads.
    private static func print(_ subscription: Subscription, count: Int?, to printer: Printer) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                var left = count
                for try await message in subscription {
                    try printer.print(message)
                    left = left.map { $0 - 1 }
                    if left == 0 { return }
                }
            }
            group.addTask {
                try await StandardOutput.waitUntilClosed()
                throw ClosedOutput()
            }
            try await group.next()
        }
    }

    private static func tell(_ status: SubscriptionStatus) {
        switch status {
        case .connected(let resumed):
            if resumed { StandardError.write("Connected again.") }
        case .disconnected(let error, let delay):
            let seconds = Double(delay.components.seconds) + Double(delay.components.attoseconds) / 1e18
            let rounded = (seconds * 10).rounded() / 10
            StandardError.write("Connection lost: \(error) The next try is in \(rounded) s.")
        case .reset(let reset):
            StandardError.write("Warning: \(explain(reset))")
        }
    }

    private static func explain(_ reset: StreamReset) -> String {
        switch reset.reason {
        case "expired":
            "the server has already removed messages that were missed; going on with the oldest that it has."
        case "unknown-epoch":
            "the server has another database than before, so messages may have been missed; going on with new ones."
        case "future":
            "the server does not know the position yet, so messages may have been missed; going on with new ones."
        case "malformed":
            "the position is no message id; going on with new messages."
        default:
            "the server could not go on where it was (\(reset.reason)); messages may have been missed."
        }
    }
}
