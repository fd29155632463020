import Foundation
import Testing
import Yams

@testable import Gateway

/// The dashboard and the alerts in `docs/operations` use metrics, labels and reasons that the server has.
@Suite(.timeLimit(.minutes(1)))
struct OperationsFilesTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../docs/operations").standardizedFileURL

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    /// What a server has: names with their suffixes, and each value of a label.
    private static func known() async throws -> (names: Set<String>, values: Set<String>) {
        let families = try await TestServer.run { $0.gateway.metrics.families } + ProcessMetrics.families
        var (names, values): (Set<String>, Set<String>) = ([], [])
        for family in families {
            for series in family.series {
                names.insert(family.name + series.suffix)
                for label in series.labels { values.insert("\(label.name)=\(label.value)") }
            }
        }
        return (names, values)
    }

    /// Expressions of the panels, or of the rules.
    private static func expressions(in value: Any, key: String = "expr") -> [String] {
        switch value {
        case let object as [String: Any]:
            object.flatMap { $0.key == key ? [$0.value as? String ?? ""] : expressions(in: $0.value, key: key) }
        case let list as [Any]: list.flatMap { expressions(in: $0, key: key) }
        default: []
        }
    }

    private static func expressions(of file: String) throws -> [String] {
        let text = try text(file)
        let value: Any? =
            file.hasSuffix(".json")
            ? try JSONSerialization.jsonObject(with: Data(text.utf8)) : try Yams.load(yaml: text)
        return expressions(in: try #require(value))
    }

    @Test(arguments: ["grafana-dashboard.json", "prometheus-rules.yml"])
    func `all that is asked for is there`(file: String) async throws {
        let (names, values) = try await Self.known()
        let expressions = try Self.expressions(of: file)
        #expect(expressions.count > 10)
        for expression in expressions {
            let used = expression.matches(of: /\b(?:notify|process)_[a-z0-9_]+/).map { String($0.output) }
            #expect(!used.isEmpty || expression.hasPrefix("up{"), "\(expression)")
            for name in used { #expect(names.contains(name), "\(name) in \(expression)") }
            for match in expression.matches(of: /(reason|transport)=~?"([^"]*)"/) {
                for value in match.output.2.split(separator: "|") {
                    #expect(values.contains("\(match.output.1)=\(value)"), "\(value) in \(expression)")
                }
            }
        }
    }
}
