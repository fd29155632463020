import Foundation
import Testing

@testable import notify_cli

struct SettingsTests {
    /// Settings from a file with this text.
    private static func settings(_ json: String, _ environment: [String: String] = [:]) throws -> Settings {
        let file = FileManager.default.temporaryDirectory.appending(path: "notify-\(UUID().uuidString).json")
        try Data(json.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try Settings(configFile: file.path, environment: environment)
    }

    private static func message(of body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func `the option wins over the variable, the variable over the file`() throws {
        let environment = ["NOTIFY_URL": "variable", "NOTIFY_LIMIT": ""]
        let settings = try Self.settings(#"{"url": "file", "limit": 1}"#, environment)
        #expect(try settings.string(.url, option: "option") == "option")
        #expect(try settings.string(.url) == "variable")
        #expect(try settings.int(.limit, option: 3) == 3)
        #expect(try settings.int(.limit) == 1)
        #expect(try settings.string(.group) == nil)
    }

    @Test func `the file can be named by a variable`() throws {
        let environment = ["NOTIFY_CONFIG": "/no/such/file.json"]
        let message = Self.message { _ = try Settings(configFile: nil, environment: environment) }
        #expect(message.hasPrefix("Cannot read the configuration file /no/such/file.json: "))
    }

    @Test func `values of every type`() throws {
        let text = #"{"url": "u", "limit": 5, "json": true, "group": ["a", "b"], "last": "7", "lines": "no"}"#
        let settings = try Self.settings(text)
        #expect(try settings.int(.limit) == 5)
        #expect(try settings.int(.last) == 7)
        #expect(try settings.bool(.json) == true)
        #expect(try settings.bool(.lines) == false)
        #expect(try settings.strings(.group) == ["a", "b"])
        #expect(try settings.strings(.group, options: ["c"]) == ["c"])
    }

    @Test func `a list where one value is asked for`() throws {
        let settings = try Self.settings(#"{"url": ["a", "b"]}"#)
        let message = Self.message { _ = try settings.string(.url) }
        #expect(message.hasSuffix("(line 1) is a list: give one value."), "\(message)")
    }

    @Test func `several groups in a variable`() throws {
        let settings = try Settings(configFile: nil, environment: ["NOTIFY_GROUP": "a, b,c"])
        #expect(try settings.strings(.group) == ["a", "b", "c"])
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("10m", .seconds(600)), ("2h", .seconds(7200)),
        ("7d", .seconds(604_800)), ("0s", .zero),
    ])
    func durations(text: String, duration: Duration) throws {
        #expect(try Settings(configFile: nil, environment: [:]).duration(.since, option: text) == duration)
    }

    @Test(arguments: [("65536", 65_536), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("7B", 7)])
    func sizes(text: String, bytes: Int) throws {
        #expect(try Settings(configFile: nil, environment: [:]).bytes(.limit, option: text) == bytes)
    }

    @Test(arguments: [
        "", "s", "10", "-1s", "1.5s", "1 s", "99999999999999999999s", "9223372036854775807d", "9223372036854775807ms",
        "36501d", "١s",
    ])
    func `what is no duration`(text: String) throws {
        let settings = try Settings(configFile: nil, environment: [:])
        #expect(throws: UsageError.self) { try settings.duration(.since, option: text) }
    }

    @Test func `a bad value is named with its source`() throws {
        let environment = ["NOTIFY_LIMIT": "many\u{1b}"]
        #expect(
            Self.message { _ = try Settings(configFile: nil, environment: environment).int(.limit, in: 1...1000) }
                == #"The environment variable NOTIFY_LIMIT is 'many\u{1b}': use a whole number from 1 to 1000."#
        )
        #expect(
            Self.message { _ = try Settings(configFile: nil, environment: [:]).int(.count, option: 0, in: 1...Int.max) }
                == "--count is '0': use a whole number from 1."
        )
        #expect(
            Self.message { _ = try Self.settings(#"{"json": "perhaps"}"#).bool(.json) }
                .hasPrefix("'json' in /")
        )
    }

    @Test func `names of variables`() {
        #expect(SettingKey.url.option == "--url")
        #expect(SettingKey.url.variable == "NOTIFY_URL")
        #expect(Set(SettingKey.all.map(\.variable)).count == SettingKey.all.count)
    }
}
