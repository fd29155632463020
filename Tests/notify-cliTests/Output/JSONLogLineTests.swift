import Broker
import Foundation
import Logging
import Testing

@testable import notify_cli

/// The log as JSON: one object a line, whatever is logged.
struct JSONLogLineTests {
    private static func line(_ message: String, _ metadata: Logger.Metadata = [:], error: (any Error)? = nil) -> String
    {
        let event = LogEvent(
            level: .warning,
            message: "\(message)",
            error: error,
            metadata: metadata,
            source: nil,
            file: "f",
            function: "f",
            line: 1
        )
        return JSONLogLine(event, label: "notify", metadata: metadata, time: Timestamp(milliseconds: 1_700_000_000_123))
            .text
    }

    private static func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func `time, level and message come first`() {
        let line = Self.line("Hello", ["b": "2", "a": .stringConvertible(1), "ok": .stringConvertible(true)])
        #expect(
            line == """
                {"time":"2023-11-14T22:13:20.123Z","level":"warning","message":"Hello","logger":"notify","a":1,"b":"2","ok":true}
                """
        )
    }

    @Test(arguments: [
        "", "\"", "\\", "\n", "\r\n", "\0", "\u{1B}[31m", "\u{7F}", "\u{9F}", "\u{2028}\u{2029}", "ä€😀", "a\tb",
        "\u{FFFF}", "{\"x\":1}",
    ])
    func `any text comes through, on one line`(text: String) throws {
        let line = Self.line(text, [text: .array([.string(text), .dictionary([text: .string(text)])])])
        let object = try Self.object(line)
        #expect(object["message"] as? String == text)
        let list = try #require(object[text] as? [Any])
        #expect(list[0] as? String == text)
        #expect((list[1] as? [String: String])?[text] == text)
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{2028}" || $0 == "\u{85}" })
    }

    @Test func `metadata does not take the place of the line's own keys`() throws {
        let object = try Self.object(Self.line("x", ["time": "never", "level": "none", "message": "y", "logger": "z"]))
        #expect(object["message"] as? String == "x")
        #expect(object["level"] as? String == "warning")
        #expect(object["message_"] as? String == "y")
        #expect(object["time_"] as? String == "never")
        #expect(object.count == 8)
    }

    @Test func `numbers that JSON does not have are text`() throws {
        let object = try Self.object(
            Self.line(
                "x",
                [
                    "a": .stringConvertible(Double.nan), "b": .stringConvertible(-Double.infinity),
                    "c": .stringConvertible(0.5),
                ]
            )
        )
        #expect(object["a"] as? String == "nan")
        #expect(object["b"] as? String == "-inf")
        #expect(object["c"] as? Double == 0.5)
    }

    @Test func `an error is there`() throws {
        let error = BrokerError(.closed, "The server is \"stopping\".")
        #expect(try Self.object(Self.line("x", error: error))["error"] as? String == "\(error)")
    }
}
