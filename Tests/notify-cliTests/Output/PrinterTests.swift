import NotifyClient
import Testing

@testable import notify_cli

struct PrinterTests {
    private static func message(_ data: String, id: String? = "e-1") -> ReceivedMessage {
        ReceivedMessage(id: id, group: "g", event: "message", data: data, createdAt: "2026-11-21T10:54:23.125Z")
    }

    @Test func `for people`() throws {
        let printer = Printer(json: false, escapes: false)
        #expect(try printer.text(of: Self.message("hello")) == "e-1  2026-11-21T10:54:23.125Z  g  message  hello")
        #expect(try printer.text(of: Self.message("a\nb\u{1b}", id: nil)).hasSuffix("message  a\n    b\u{1b}"))
        #expect(try printer.text(of: Self.message("", id: nil)).hasPrefix("-  2026"))
    }

    @Test func `a message cannot steer a terminal`() throws {
        let printer = Printer(json: false, escapes: true)
        let text = try printer.text(of: Self.message("\u{1b}[2J\r\u{9b}\u{7f}\u{0}é🦊\t\n\r\n"))
        #expect(text.hasSuffix("\\u{1b}[2J\\u{d}\\u{9b}\\u{7f}\\u{0}é🦊\t\n    \\u{d}\n    "))
    }

    @Test func `for programs, the keys as over HTTP`() throws {
        let printer = Printer(json: true, escapes: true)
        let time = "2026-11-21T10:54:23.125Z"
        #expect(
            try printer.text(of: Self.message("a/\n\u{1b}"))
                == #"{"created_at":"\#(time)","data":"a/\n\u001b","event":"message","group":"g","id":"e-1"}"#
        )
        #expect(try !printer.text(of: Self.message("a", id: nil)).contains("id\""))
    }
}
