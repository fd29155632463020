import Broker
import Testing

@testable import Gateway

/// Nothing that a publisher sends can add a field, an event or a frame: an independent parser finds what was sent.
@Suite(.timeLimit(.minutes(3)), .eachTransport)
struct InjectionTests {
    /// What steers a stream, a line or a frame, and what looks like it.
    private static let pieces: [String] = [
        "\n", "\r", "\r\n", "\n\n", "\u{0}", "\u{85}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFD}", "\u{7F}",
        "\u{1B}[2J",
        "data: x", "id: k-1", "event: stream-reset", "retry: 1", ": comment", "\"", "\\", "\\n", "\\u0000", "{", "}}",
        "]", "</script>",
        "0\r\n\r\n", "5\r\nhello\r\n", "HTTP/1.1 200 OK", "ü", "漢字", "🌍", "e\u{301}", " ", "\t", "",
    ]

    private static func text(_ numbers: inout SystemRandomNumberGenerator, _ count: Int) -> String {
        (0..<count).map { _ in pieces.randomElement(using: &numbers) ?? "" }.joined()
    }

    /// A text that may be an event's name.
    private static func event(_ numbers: inout SystemRandomNumberGenerator) -> String {
        let scalars = text(&numbers, 3).unicodeScalars.filter { !["\n", "\r", "\u{0}"].contains($0) }
        let name = String(String.UnicodeScalarView(scalars))
        return name.isEmpty || name.utf8.starts(with: "stream-".utf8) || name.utf8.count > 128 ? "message" : name
    }

    /// As an event stream tells of it.
    private static func lines(_ data: String) -> String {
        var text = String.UnicodeScalarView()
        for scalar in data.unicodeScalars {
            if scalar == "\n", text.last == "\r" { text.removeLast() }
            text.append(scalar)
        }
        return String(String.UnicodeScalarView(text.map { $0 == "\r" ? "\n" : $0 }))
    }

    @Test func `one event for each message, with what was sent`() async throws {
        var numbers = SystemRandomNumberGenerator()
        var sent: [(event: String, data: String)] = Self.pieces.map { ("message", $0) }
        for _ in 0..<300 { sent.append((Self.event(&numbers), Self.text(&numbers, 6))) }
        let drafts = try sent.map { try MessageDraft(group: GroupName("g"), event: $0.event, text: $0.data) }
        try await StreamServer.run { server in
            // Half of them are replayed, the others come as they are published.
            for draft in drafts[..<150] { try await server.log.publish(draft) }
            let client = try await server.stream(of: ["g"], "since=all")
            try await client.opened()
            for draft in drafts[150...] { try await server.log.publish(draft) }
            let got = try await client.messages(through: Int64(sent.count))
            #expect(got.count == sent.count)
            #expect(client.receipt.control.count == 1)
            for (message, sent) in zip(got, sent) {
                #expect(message.event.utf8.elementsEqual(sent.event.utf8), "\(sent.event.debugDescription)")
                #expect(
                    message.data.utf8.elementsEqual(Self.lines(sent.data).utf8),
                    "\(message.data.debugDescription) of \(sent.data.debugDescription)"
                )
            }
        }
    }
}
