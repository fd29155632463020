import ArgumentParser
import NotifyClient

/// `notify-cli send`: publishes, prints the ids.
struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Publish a message to a group.",
        discussion: """
            Without --data the message is read from standard input: all of it is one message, less one line feed at its \
            end. With --lines each line is a message, in the order of the lines. Lines that are there already are stored \
            together, up to \(LineBatch.maximumLines) of them or 1 MiB, all or none; a single line is never kept waiting.
            Prints the id of each message that was stored.

            Examples:
              notify-cli send --group my-group --data hello
              notify-cli send --group my-group --event greeting --data '{"hello":"world"}'
              date | notify-cli send --group my-group
              tail -f app.log | notify-cli send --group logs --lines --ttl 7d
              notify-cli send --group orders --data paid --idempotency-key order-1042
              notify-cli send --group my-group --data typing --no-persist
            """
    )

    @Option(help: "The group to publish to. NOTIFY_GROUP.")
    var group: String?

    @Option(help: "The event name (default: message). NOTIFY_EVENT.")
    var event: String?

    @Option(help: "The message. Without it, standard input is read. NOTIFY_DATA.")
    var data: String?

    @Flag(help: "Standard input holds one message a line. NOTIFY_LINES.")
    var lines = false

    @Option(help: "How long the message stays in history, such as 60s or 7d (default: for ever). NOTIFY_TTL.")
    var ttl: String?

    @Option(
        help: """
            A name for this publish: within 24 hours, the server publishes one key of a group once, and answers a \
            repetition as the first time. NOTIFY_IDEMPOTENCY_KEY.
            """
    )
    var idempotencyKey: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Store the message, or only give it to whoever listens now (default: --persist). NOTIFY_PERSIST."
    )
    var persist: Bool?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try client.configuration.settings()
            let draft = Draft(
                group: try settings.group(option: group),
                event: try settings.string(.event, option: event) ?? "message",
                persist: try settings.bool(.persist, option: persist) ?? true,
                ttl: try settings.duration(.ttl, option: ttl)
            )
            let key = try settings.string(.idempotencyKey, option: idempotencyKey)
            // Before anything is read: a person should not type a message that cannot be sent.
            try NotifyClient.check(
                group: draft.group,
                event: draft.event,
                persist: draft.persist,
                ttl: draft.ttl,
                idempotencyKey: key
            )
            let data = try settings.string(.data, option: data)
            let byLines = try settings.bool(.lines, option: lines ? true : nil) ?? false
            guard data == nil || !byLines else {
                throw UsageError("--lines reads standard input, and --data gives the message: use one of them.")
            }
            guard key == nil || !byLines else {
                throw UsageError("--idempotency-key names one message, and --lines sends many: use one of them.")
            }
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                if data == nil { StandardInput.announce() }
                if byLines {
                    try await sendLines(draft, with: client, to: printer)
                } else {
                    try await send(try data ?? StandardInput.message(), as: draft, key: key, with: client, to: printer)
                }
            }
        }
    }

    /// What is said of a message beside its data.
    struct Draft {
        let group: String
        let event: String
        let persist: Bool
        let ttl: Duration?
    }

    func send(
        _ data: String,
        as draft: Draft,
        key: String? = nil,
        with client: NotifyClient,
        to printer: Printer
    ) async throws {
        let message = try await client.publish(
            group: draft.group,
            event: draft.event,
            data: data,
            persist: draft.persist,
            ttl: draft.ttl,
            idempotencyKey: key
        )
        if printer.json {
            try StandardOutput.write(line: printer.jsonLine(message))
        } else if let id = message.id {
            try StandardOutput.write(line: id)
        }
    }
}
