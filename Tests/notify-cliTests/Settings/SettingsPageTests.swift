import Broker
import Foundation
import Gateway
import Testing

@testable import notify_cli

/// `docs/settings.md` says what the declarations say.
struct SettingsPageTests {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../docs/settings.md").standardizedFileURL

    private static func rows<Configuration>(_ settings: [Setting<Configuration>]) -> [String] {
        settings.map { setting in
            let most = setting.bounds.upperBound == .max ? "" : " to \(setting.text(of: setting.bounds.upperBound))"
            let bounds = "\(setting.text(of: setting.bounds.lowerBound))\(most)"
            let purpose = setting.purpose.replacing("|", with: "\\|")
            return
                "| `\(setting)` | \(purpose) | \(setting.defaultText) | \(bounds.contains(" to ") ? bounds : "from " + bounds) |"
        }
    }

    private static func table() -> String {
        let rows =
            rows(GatewayConfiguration.Settings.all) + rows(MessageLog.Configuration.Settings.all)
            + rows(SQLiteMessageStore.Configuration.Settings.all)
        return (["| option | what it is | default | values |", "|---|---|---|---|"] + rows.sorted()).joined(
            separator: "\n"
        )
    }

    /// With `UPDATE_DOCS=1` it writes the table into the page.
    @Test func `the table of the page is that of the declarations`() throws {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let start = try #require(text.range(of: "| option |"))
        let end = text.range(of: "\n\n", range: start.lowerBound..<text.endIndex)?.lowerBound ?? text.endIndex
        let written = text[start.lowerBound..<end].trimmingCharacters(in: .newlines)
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] != nil, written != Self.table() {
            let new = text[..<start.lowerBound] + Self.table() + "\n" + text[end...].drop { $0 == "\n" }
            try new.write(to: Self.page, atomically: true, encoding: .utf8)
            return
        }
        #expect(written == Self.table(), "Run the tests once with UPDATE_DOCS=1.")
    }
}
