import Foundation
import Testing

@testable import notify_cli

/// `config check` and `config show`, and that `serve` refuses the same.
struct ConfigCommandTests {
    /// A folder of its own with the configuration file in it.
    private static func withFile(
        _ text: String,
        _ work: (_ path: String, _ folder: URL) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "notify-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "notify.yaml")
        let whole = "database: \(folder.path)/notify.sqlite\n" + text
        try Data(whole.utf8).write(to: file)
        try await work(file.path, folder)
    }

    @Test func `what is right is said in one line, and nothing is made`() async throws {
        try await Self.withFile("port: 9000\nretain: ['logs.*=7d', '*=90d']\n") { path, folder in
            let run = try await CommandRun.run(["config", "check", "--config", path])
            #expect(run.status == 0)
            #expect(run.lines.count == 1)
            #expect(run.output.hasPrefix("The settings of \(path) are right: 3 set, "))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["notify.yaml"])
        }
    }

    @Test func `variables that set nothing are noted`() async throws {
        let environment = ["NOTIFY_PROT": "1", "NOTIFY_GRACE": "1s", "NOTIFY_SOCKET": "/run/x", "OTHER": "2"]
        let check = try await CommandRun.run(["config", "check"], environment: environment)
        #expect(check.status == 0)
        #expect(check.errors == "Note: The variable NOTIFY_PROT sets nothing; did you mean NOTIFY_PORT?\n")
    }

    @Test(arguments: [
        ("prot: 9000", "did you mean 'port'?"),
        ("port: 70000", "(line 2) is '70000': use a whole number from 0 to 65535, or none."),
        ("heartbeat: soon", "use a duration"), ("retain: 'logs.*'", "--retain has 'logs.*'"),
        ("retain: ['*=7d', 'a=1d']", "put '*' last"), ("host: 0.0.0.0", "--insecure"),
        ("allow-origin: [nonsense]", "--allow-origin"), ("admin-password: ''", "--admin-password is empty"),
        ("max-message-size: 1TiB", "use a size in bytes"), ("log-level: loud", "use one of"),
        ("host: [a, b]", "is a list: give one value."),
    ])
    func `what is wrong is said as serve says it`(text: String, expected: String) async throws {
        try await Self.withFile(text) { path, _ in
            let check = try await CommandRun.run(["config", "check", "--config", path])
            let serve = try await CommandRun.run(["serve", "--config", path])
            #expect(check.status == 64)
            #expect(serve.status == 64)
            #expect(check.errors.contains(expected), "\(check.errors)")
            #expect(check.errors == serve.errors)
            #expect(check.output == "")
        }
    }

    @Test func `a folder that is not there`() async throws {
        let check = try await CommandRun.run(["config", "check", "--database", "/no/such/folder/notify.sqlite"])
        #expect(check.status == 64)
        #expect(check.errors.contains("The folder '/no/such/folder' does not exist"))
    }

    @Test func `a database that is none`() async throws {
        try await Self.withFile("") { path, folder in
            try Data("no database".utf8).write(to: folder.appending(path: "notify.sqlite"))
            let check = try await CommandRun.run(["config", "check"], environment: ["NOTIFY_CONFIG": path])
            #expect(check.status == 64)
            #expect(check.errors.contains("is no SQLite database"))
        }
    }

    @Test func `each value with its source`() async throws {
        try await Self.withFile("port: 9000\nadmin-password: swordfish\nretain: ['a=1d', '*=90d']\nheartbeat: 5s\n") {
            path,
            folder in
            let arguments = ["config", "show", "--json", "--config", path, "--heartbeat", "7s"]
            let run = try await CommandRun.run(arguments, environment: ["NOTIFY_GRACE": "9s"])
            #expect(run.status == 0, "\(run.errors)")
            let lines = run.lines
            #expect(lines.contains(#"{"line":2,"name":"port","origin":"\#(path)","source":"file","value":"9000"}"#))
            #expect(lines.contains(#"{"name":"heartbeat","origin":"--heartbeat","source":"option","value":"7s"}"#))
            #expect(lines.contains(#"{"name":"grace","origin":"NOTIFY_GRACE","source":"variable","value":"9s"}"#))
            #expect(lines.contains(#"{"name":"max-connections","source":"default","value":"50000"}"#))
            #expect(
                lines.contains(
                    #"{"line":4,"name":"retain","origin":"\#(path)","source":"file","value":["a=1d","*=90d"]}"#
                )
            )
            #expect(
                lines.contains(#"{"line":3,"name":"admin-password","origin":"\#(path)","source":"file","value":"***"}"#)
            )
            #expect(!run.output.contains("swordfish"))
            #expect(lines.contains(#"{"name":"event-loops","source":"default","value":null}"#))

            let people = try await CommandRun.run(Array(arguments.filter { $0 != "--json" }) + ["--changed"])
            #expect(
                people.lines.map { $0.prefix { $0 != " " } } == [
                    "admin-password", "database", "heartbeat", "port", "retain",
                ]
            )
            #expect(people.lines.contains { $0.hasPrefix("port ") && $0.hasSuffix("  file \(path), line 2") })
            #expect(people.lines.contains { $0.hasPrefix("heartbeat ") && $0.hasSuffix("  option") })
        }
    }

    /// Whatever `serve` takes is shown: the list comes from what it asks for.
    @Test func `no option of serve is left out`() async throws {
        let shown = try await CommandRun.run(["config", "show"]).lines.map { String($0.prefix { $0 != " " }) }
        let help = try await CommandRun.run(["serve", "--help"]).output
        let options = Set(
            help.matches(of: /--([a-z0-9-]+)/).map { String($0.1) }.filter { help.contains("\n  --\($0)") }
        )
        #expect(options.subtracting(shown) == ["config"])
        #expect(Set(shown).subtracting(options) == [])
    }

    @Test(arguments: [
        ("redis://user:secret@host:6379/1", "redis://***@host:6379/1"), ("redis://host", "redis://host"),
        ("https://host/a@b", "https://host/a@b"), ("a@b", "a@b"),
    ])
    func `passwords in addresses`(text: String, expected: String) {
        let entry = AskedSettings.Entry(value: .text(text), origin: .option("--url"))
        #expect(ShownSetting(.url, entry).value == .text(expected))
    }
}
