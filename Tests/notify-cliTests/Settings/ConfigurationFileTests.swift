import Foundation
import Testing

@testable import notify_cli

struct ConfigurationFileTests {
    private static func read(_ text: String, as ending: String) throws -> ConfigurationFile {
        try read(Data(text.utf8), as: ending)
    }

    private static func read(_ data: Data, as ending: String) throws -> ConfigurationFile {
        let file = FileManager.default.temporaryDirectory.appending(path: "notify-\(UUID().uuidString)\(ending)")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try ConfigurationFile(path: file.path)
    }

    private static func message(_ text: String, as ending: String) -> String {
        do {
            _ = try read(text, as: ending)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    /// A value and its line.
    private static func entry(_ file: ConfigurationFile, _ key: SettingKey) -> (SettingValue, Int)? {
        guard let (value, origin) = file.value(of: key), case .file(_, _, let line) = origin else { return nil }
        return (value, line)
    }

    private static let json = """
        {
          "url": "http:\\/\\/a\\u00e9\\ud83d\\ude00", "limit": 5,
          "json":true,
          "group": [ "a,b", 7 ] ,
          "data": "}]\\\\", "last": 1.50
        }

        """

    private static let yaml = """
        # A comment with *stars*.
        url: "http://aé😀"
        limit: 5
        json: yes
        group:
          - a,b
          - 7
        data: '}]\\'
        last: 1.50
        retain: ["*=90d", 'logs.*=7d,1GiB']
        """

    @Test(arguments: [(json, ".json"), (yaml, ".yaml"), (yaml, ".yml"), (json, ""), (yaml, ".conf")])
    func `one set of rules for both`(text: String, ending: String) throws {
        let file = try Self.read(text, as: ending)
        let isJSON = text == Self.json
        #expect(Self.entry(file, .url)?.0 == .text("http://aé😀"))
        #expect(Self.entry(file, .url)?.1 == 2)
        #expect(Self.entry(file, .limit)?.0 == .text("5"))
        #expect(Self.entry(file, .json)?.0 == .text(isJSON ? "true" : "yes"))
        #expect(Self.entry(file, .group)?.0 == .texts(["a,b", "7"]))
        #expect(Self.entry(file, .group)?.1 == (isJSON ? 4 : 5))
        #expect(Self.entry(file, .data)?.0 == .text("}]\\"))
        #expect(Self.entry(file, .last)?.0 == .text("1.50"))
        #expect(Self.entry(file, .last)?.1 == (isJSON ? 5 : 9))
        #expect(isJSON || Self.entry(file, .retain)?.0 == .texts(["*=90d", "logs.*=7d,1GiB"]))
        #expect(Self.entry(file, .host) == nil)
    }

    @Test(arguments: [("", ".yaml"), ("# url: a\n", ".yaml"), ("---\n", ".yml"), ("{}", ".json"), ("{}", ".yaml")])
    func `a file that sets nothing`(text: String, ending: String) throws {
        #expect(Self.entry(try Self.read(text, as: ending), .url) == nil)
    }

    @Test(arguments: [
        (#"{"url": "u", "grup": "a", "a\u001b": 1}"#, ".json"), ("url: u\ngrup: a\n\"a\\e\": 1", ".yaml"),
    ])
    func `unknown keys are named, with those that may have been meant`(text: String, ending: String) {
        let message = Self.message(text, as: ending)
        let line = ending == ".json" ? (1, 1) : (3, 2)
        #expect(
            message.contains(#"has unknown keys: 'a\u{1b}' (line \#(line.0)), 'grup' (line \#(line.1); did you mean"#)
        )
        #expect(message.hasSuffix("did you mean 'group'?). Remove or correct them."), "\(message)")
    }

    @Test func `only some of many unknown keys are named`() {
        let text = (0..<1000).map { "unknown-key-\($0): 1" }.joined(separator: "\n")
        let message = Self.message(text, as: ".yaml")
        #expect(message.contains("and 990 more. "))
        #expect(message.utf8.count < 1000)
    }

    @Test(arguments: [
        ("{\n\"url\": \"a\",\n\"ur\\u006c\": \"b\"}", ".json", "'url' twice, in lines 2 and 3"),
        ("url: a\nlimit: 1\nurl: b", ".yaml", "'url' twice, first in line 1"),
        ("url: a\n\"url\": b", ".yaml", "'url' twice, "),
        (#"["url"]"#, ".json", "is no JSON object"), ("{", ".json", "is no JSON object"),
        ("", ".json", "is no JSON object"),
        (#"{"url": {"a": 1}}"#, ".json", "'url' in"), (#"{"url": null}"#, ".json", "'url' in"),
        (#"{"group": ["a", null]}"#, ".json", "'group' in"), (#"{"group": [["a"]]}"#, ".json", "'group' in"),
        ("url:\n  a: 1", ".yaml", "'url' in"), ("limit: 1\nurl:", ".yaml", "(line 2) is no text, number"),
        ("url: ~", ".yaml", "'url' in"), ("group: [a, [b]]", ".yaml", "'group' in"),
        ("group: [a, ]\nurl: [~]", ".yaml", "'url' in"),
        ("- url", ".yaml", "has no keys (line 1)"), ("url", ".yaml", "has no keys"),
        ("[url]: a", ".yaml", "a key in line 1"),
        ("url: a\n  b: c", ".yaml", "is no YAML: "), ("url: \"a", ".yaml", "is no YAML: "),
        ("\tb: c", ".yaml", "is no YAML: "),
        ("url: a\n---\nurl: b", ".yaml", "is no YAML: "), ("url: \u{01}", ".yaml", "is no YAML: "),
        ("retain: *=90d", ".yaml", "put a text that begins with * or & into quotes"),
        ("url: *a", ".yaml", "is no YAML: found undefined alias (line 1, column 6)"),
        ("url: &a b", ".yaml", "has an anchor (&) or an alias (*) in line 1"),
        ("url: &a b\n\nevent: *a", ".yaml", "an alias (*) in line 3"),
        ("? &a [x, x]\n: 1\n? [*a, *a]\n: 2", ".yaml", "an alias (*) in line 3"),
    ])
    func `a file that cannot be used`(text: String, ending: String, expected: String) {
        let message = Self.message(text, as: ending)
        #expect(message.contains(expected), "\(message)")
        #expect(message.hasSuffix("."))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a small file does not stand for a large tree`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            text += "? &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ","))]\n: 1\n"
        }
        #expect(Self.message(text, as: ".yaml").contains("an alias (*) in line 2"))
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["[", "{", "- ", "? "])
    func `deep nesting is refused`(opening: String) {
        let nested = String(repeating: opening, count: 100_000)
        #expect(Self.message("group: \n \(nested)", as: ".yaml").contains("notify-"))
        #expect(Self.message(#"{"group": \#(nested)"#, as: ".json").contains("is no JSON object"))
    }

    @Test func `a file that is too large or no text`() throws {
        let large = String(repeating: "#", count: ConfigurationFile.maximumBytes)
        #expect(Self.message(large, as: ".yaml") == "no error")
        #expect(Self.message(large + "#", as: ".yaml").contains("has more than 1 MiB"))
        #expect(throws: UsageError.self) { try Self.read(Data([0x75, 0xFF]), as: ".yaml") }
        #expect(Self.entry(try Self.read("\u{FEFF}url: a", as: ".yaml"), .url)?.0 == .text("a"))
    }

    @Test(
        arguments: [
            ("max_connections", "max-connections"), ("MAX-Connections", "max-connections"),
            ("maxConnections", "max-connections"), ("max-conections", "max-connections"),
            ("NOTIFY_MAX_CONNECTIONS", "max-connections"), ("--max-connections", "max-connections"),
            ("prot", "port"), ("hosts", "host"), ("log_lvel", "log-level"), ("retian", "retain"),
            ("quite-another-thing", nil), ("x", nil), ("", nil), (String(repeating: "port", count: 100), nil),
        ] as [(String, String?)]
    )
    func `the nearest key`(text: String, key: String?) {
        #expect(SettingKey.nearest(to: text)?.name == key)
    }

    @Test func `each key is its own nearest`() {
        for key in SettingKey.all { #expect(SettingKey.nearest(to: key.name) == key) }
    }
}
