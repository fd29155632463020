import ArgumentParser
import Foundation
import NotifyClient

/// `notify-cli send`: publishes, prints the ids.
struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Publish a message to a group.",
        discussion: """
            Without --data the message is read from standard input: all of it is one message, less one line feed at its \
            end. With --lines each line is a message, sent one after the other.
            Prints the id of each message that was stored.

            Examples:
              notify-cli send --group my-group --data hello
              notify-cli send --group my-group --event greeting --data '{"hello":"world"}'
              date | notify-cli send --group my-group
              tail -f app.log | notify-cli send --group logs --lines
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
                persist: try settings.bool(.persist, option: persist) ?? true
            )
            // Before anything is read: a person should not type a message that cannot be sent.
            try NotifyClient.check(group: draft.group, event: draft.event)
            let data = try settings.string(.data, option: data)
            let byLines = try settings.bool(.lines, option: lines ? true : nil) ?? false
            guard data == nil || !byLines else {
                throw UsageError("--lines reads standard input, and --data gives the message: use one of them.")
            }
            let printer = Printer(json: try client.printsJSON(settings))
            try await client.withClient(settings) { client in
                if byLines {
                    try await sendLines(draft, with: client, to: printer)
                } else {
                    if data == nil { StandardInput.announce() }
                    try await send(try data ?? StandardInput.message(), as: draft, with: client, to: printer)
                }
            }
        }
    }

    private struct Draft {
        let group: String
        let event: String
        let persist: Bool
    }

    /// One at a time: the order of lines is the order of messages, and what is not sent yet stays in the pipe.
    private func sendLines(_ draft: Draft, with client: NotifyClient, to printer: Printer) async throws {
        StandardInput.announce()
        var reader = LineReader(descriptor: STDIN_FILENO)
        var number = 0
        while let line = try reader.next() {
            number += 1
            let text = try StandardInput.text(line, line: number)
            do {
                try await send(text, as: draft, with: client, to: printer)
            } catch let error as NotifyClientError where number > 1 {
                // Whoever sends the rest needs to know where it begins.
                let message = "Line \(number) was not sent: \(error.message)"
                throw NotifyClientError(error.code, message, status: error.status)
            }
        }
    }

    private func send(_ data: String, as draft: Draft, with client: NotifyClient, to printer: Printer) async throws {
        let message = try await client.publish(
            group: draft.group,
            event: draft.event,
            data: data,
            persist: draft.persist
        )
        if printer.json {
            try StandardOutput.write(line: printer.jsonLine(message))
        } else if let id = message.id {
            try StandardOutput.write(line: id)
        }
    }
}
