import Foundation
import NotifyClient

/// Lines of standard input that are sent together.
struct LineBatch {
    static let maximumLines = 1000
    static let maximumBytes = 1 << 20

    /// The first line's number, counted from 1.
    let first: Int
    let lines: [String]

    /// Which lines were not sent, or perhaps not, and why: whoever sends the rest needs to know where it begins.
    func failure(_ error: NotifyClientError) -> NotifyClientError {
        let names = lines.count == 1 ? "line \(first)" : "lines \(first) to \(first + lines.count - 1)"
        var message = error.message
        var sentence =
            error.leavesNothingBehind
            ? "L\(names.dropFirst()) \(lines.count == 1 ? "was" : "were") not sent"
            : "Whether \(names) \(lines.count == 1 ? "was" : "were") sent is not known"
        if let index = error.index {
            message = String(message.trimmingPrefix("Line \(index + 1): "))
            if lines.count > 1 { sentence += ", because of line \(first + index)" }
        }
        return NotifyClientError(error.code, "\(sentence): \(message)", status: error.status)
    }
}

extension NotifyClientError {
    /// Whether it is certain that nothing was published. A proxy that gave up waiting (502, 504) does not know.
    fileprivate var leavesNothingBehind: Bool {
        switch code {
        case .invalidArgument, .unreachable, .refused: true
        case .serverFailed: status == 503 || status == 429
        default: false
        }
    }
}

extension SendCommand {
    /// The order of lines is the order of messages, and what is not sent yet stays in the pipe.
    func sendLines(_ draft: Draft, with client: NotifyClient, to printer: Printer) async throws {
        var reader = LineReader(descriptor: STDIN_FILENO)
        var first = 1
        while let batch = try Self.next(from: &reader, first: first, together: draft.persist) {
            do {
                try await whenTaken(first: first) {
                    if draft.persist {
                        try await send(batch.lines, as: draft, with: client, to: printer)
                    } else {
                        // One line: see below.
                        for line in batch.lines { try await send(line, as: draft, with: client, to: printer) }
                    }
                }
            } catch let error as NotifyClientError {
                throw batch.failure(error)
            }
            first += batch.lines.count
        }
    }

    /// The server takes only so many messages in a time (`--publish-rate`). Nothing is stored of what it refuses for that: so
    /// the same lines go again, and the pipe waits.
    private func whenTaken(first: Int, _ send: () async throws -> Void) async throws {
        var hasSaid = false
        while true {
            do {
                return try await send()
            } catch let error as NotifyClientError where error.status == 429 {
                let wait = min(max(error.retryAfter ?? .seconds(1), .milliseconds(100)), Self.longestWait)
                if !hasSaid { StandardError.write("From line \(first) on: \(error.message) Waiting, then going on.") }
                hasSaid = true
                try await Task.sleep(for: wait)
            }
        }
    }

    /// Then the server is asked again, whatever it said.
    private static let longestWait = Duration.seconds(60)

    private static func next(from reader: inout LineReader, first: Int, together: Bool) throws -> LineBatch? {
        do {
            // Unstored messages go one by one: there is no request for several.
            let lines = try reader.batch(
                maximumLines: together ? LineBatch.maximumLines : 1,
                maximumBytes: LineBatch.maximumBytes
            )
            let texts = try lines.enumerated().map { try StandardInput.text($1, line: first + $0) }
            return texts.isEmpty ? nil : LineBatch(first: first, lines: texts)
        } catch let error as UnusableInput {
            throw UnusableInput(description: "From line \(first) on nothing was sent: \(error)")
        }
    }

    private func send(_ lines: [String], as draft: Draft, with client: NotifyClient, to printer: Printer) async throws {
        let ids = try await client.publish(
            contentsOf: lines.map {
                OutgoingMessage(group: draft.group, event: draft.event, data: $0, ttl: draft.ttl)
            }
        )
        var output = ids
        if printer.json {
            output = try zip(ids, lines).map { id, line in
                try printer.jsonLine(
                    SentLine(id: id, group: draft.group, event: draft.event, dataBytes: line.utf8.count)
                )
            }
        }
        try StandardOutput.write(line: output.joined(separator: "\n"))
    }
}

/// What is known of a message that was published together with others, with the keys of a single one.
private struct SentLine: Encodable {
    let id: String
    let group: String
    let event: String
    let dataBytes: Int

    enum CodingKeys: String, CodingKey {
        case id, group, event
        case dataBytes = "data_bytes"
    }
}
