import Broker
import Foundation
import Testing

@testable import Gateway

/// `docs/operations/metrics.md` has all metrics, and no others.
@Suite(.timeLimit(.minutes(1)))
struct MetricsPageTests {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../docs/operations/metrics.md").standardizedFileURL

    /// Labels whose values depend on the machine, the version or the bounds.
    private static let examples = ["loop": "0 and up", "version": "this server's", "le": ""]

    private static func row(_ family: MetricFamily) -> String {
        var values: [(name: String, values: [String])] = []
        for label in family.series.flatMap(\.labels) where label.name != "le" {
            if values.last?.name != label.name { values.append((label.name, [])) }
            if let example = examples[label.name] {
                values[values.count - 1].values = [example]
            } else {
                values[values.count - 1].values.append("`\(label.value)`")
            }
        }
        let labels = values.map { "`\($0.name)`: \($0.values.joined(separator: ", "))" }.joined(separator: "; ")
        return "| `\(family.name)` | \(family.kind.rawValue) | \(family.help.replacing("|", with: "\\|")) | \(labels) |"
    }

    private static func table() async throws -> String {
        let families = try await TestServer.run { $0.gateway.metrics.families } + ProcessMetrics.families
        return (["| metric | type | what it is | labels |", "|---|---|---|---|"] + families.map(row)).joined(
            separator: "\n"
        )
    }

    /// With `UPDATE_DOCS=1` it writes the table into the page.
    @Test func `the table of the page is what the server says`() async throws {
        let table = try await Self.table()
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let start = try #require(text.range(of: "| metric |"))
        let end = text.range(of: "\n\n", range: start.lowerBound..<text.endIndex)?.lowerBound ?? text.endIndex
        let written = text[start.lowerBound..<end].trimmingCharacters(in: .newlines)
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] != nil, written != table {
            let new = text[..<start.lowerBound] + table + "\n" + text[end...].dropFirst()
            try new.write(to: Self.page, atomically: true, encoding: .utf8)
            return
        }
        #expect(written == table, "Run the tests once with UPDATE_DOCS=1.")
    }

    @Test func `the version is the newest heading of the changelog`() throws {
        let changes = try String(
            contentsOf: Self.page.appendingPathComponent("../../../CHANGELOG.md").standardizedFileURL,
            encoding: .utf8
        )
        let heading = try #require(changes.split(separator: "\n").first { $0.hasPrefix("## [") })
        #expect(heading.dropFirst(4).prefix { $0 != "]" }.lowercased() == NotifyVersion.current)
    }
}
