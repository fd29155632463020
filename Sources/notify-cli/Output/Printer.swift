import Foundation
import NotifyClient

/// Prints answers for people or for programs.
struct Printer {
    let json: Bool
    /// Whether control characters are made harmless: a message must not be able to steer somebody's terminal.
    let escapes: Bool
    private let encoder = JSONEncoder()

    init(json: Bool, escapes: Bool = StandardOutput.isTerminal) {
        self.json = json
        self.escapes = escapes
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    func print(_ message: ReceivedMessage) throws {
        try StandardOutput.write(line: text(of: message))
    }

    /// A JSON object; for people the columns id (`-` for a message that was not stored), time, group, event and data. Data
    /// of several lines goes on indented, so that it cannot be taken for another message.
    func text(of message: ReceivedMessage) throws -> String {
        if json { return try jsonLine(message) }
        let data = message.data.replacingLineFeeds(with: "\n    ")
        let line = [message.id ?? "-", message.createdAt, message.group, message.event, data].joined(separator: "  ")
        return escapes ? line.escapedForTerminal : line
    }

    func jsonLine(_ value: some Encodable) throws -> String {
        String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension StringProtocol {
    /// Every line feed replaced, also in CRLF: that is one `Character`, which `replacing("\n", with:)` passes over.
    func replacingLineFeeds(with replacement: String) -> String {
        utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: replacement)
    }

    /// The text with the control characters C0, DEL and C1 except line feed and tab written as `\u{1b}`.
    var escapedForTerminal: String {
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.properties.generalCategory == .control, scalar != "\n", scalar != "\t" {
                text.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            } else {
                text.append(scalar)
            }
        }
        return String(text)
    }
}
