import Foundation
import NIOHTTP1
import ScriptedServer
import Testing

/// The built program, against a server that answers as the test says.
@Suite(.timeLimit(.minutes(2)))
struct ClientCommandTests {
    /// Answers publishes with ids in order.
    private static let publishing: ScriptedServer.Script = { request, exchange in
        let id = "e-\(request.number + 1)"
        let isStored = !request.uri.contains("persist=false")
        try await exchange.answer(
            isStored ? .created : .accepted,
            isStored
                ? #"{"id":"\#(id)","group":"g","event":"message","data_bytes":1,"created_at":"t"}"#
                : #"{"group":"g","event":"message"}"#
        )
    }

    @Test func `send prints the id`() async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let arguments = ["send", "--url", server.url, "--group", "g", "--event", "e", "--data", "a\n"]
            let run = try await CommandRun.run(arguments)
            #expect(run.output == "e-1\n")
            #expect(run.errors == "")
            #expect(run.status == 0)
            #expect(server.requests.first?.uri == "/groups/g/messages?event=e")
            #expect(server.requests.first?.body == "a\n")
            #expect(server.requests.first?.headers.contains(name: "idempotency-key") == false)
        }
    }

    @Test func `send with a time to live and a key`() async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let arguments = ["send", "--url", server.url, "--group", "g", "--data", "a"]
            let options = try await CommandRun.run(arguments + ["--ttl", "90s", "--idempotency-key", "order 1"])
            let environment = ["NOTIFY_TTL": "500ms", "NOTIFY_IDEMPOTENCY_KEY": "order 1"]
            let variables = try await CommandRun.run(arguments, environment: environment)
            #expect(options.status == 0 && variables.status == 0, "\(options) \(variables)")
            #expect(server.requests.map(\.uri) == ["/groups/g/messages?ttl=90", "/groups/g/messages?ttl=0.500"])
            #expect(server.requests.map { $0.headers["idempotency-key"] } == [["order 1"], ["order 1"]])
        }
    }

    @Test(arguments: [("hi\n", "hi"), ("hi", "hi"), ("a\nb\n\n", "a\nb\n"), ("\n", ""), (" x \r\n", " x \r")])
    func `send reads standard input less one line feed`(input: String, body: String) async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let environment = ["NOTIFY_URL": server.url, "NOTIFY_GROUP": "g"]
            let run = try await CommandRun.run(["send"], environment: environment, input: Data(input.utf8))
            #expect(run.status == 0, "\(run)")
            let sent = server.requests.first?.body
            #expect(body.isEmpty ? sent?.contains(#""data":"""#) == true : sent == body)
        }
    }

    @Test(arguments: [(["--no-persist"], [:]), ([], ["NOTIFY_PERSIST": "false"])] as [([String], [String: String])])
    func `send without storing`(arguments: [String], environment: [String: String]) async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let all = ["send", "--url", server.url, "--group", "g", "--data", "x"] + arguments
            let run = try await CommandRun.run(all, environment: environment)
            #expect(run.output == "")
            #expect(run.status == 0)
            let json = try await CommandRun.run(all + ["--json"], environment: environment)
            #expect(json.output == #"{"event":"message","group":"g"}"# + "\n")
        }
    }

    @Test(arguments: [
        ["send"], ["send", "--group", "a b", "--data", "x"], ["send", "--group", "g", "--data", "x", "--lines"],
        ["send", "--group", "g", "--event", "stream-open", "--data", "x"], ["send", "--nonsense"], ["nonsense"],
        ["send", "--group", "g", "--data", "x", "--ttl", "0s"], ["send", "--group", "g", "--data", "x", "--ttl", "10"],
        ["send", "--group", "g", "--lines", "--idempotency-key", "k"],
        ["send", "--group", "g", "--data", "x", "--idempotency-key", " "],
        ["send", "--group", "g", "--data", "x", "--no-persist", "--idempotency-key", "k"],
        ["send", "--group", "g", "--lines", "--no-persist", "--ttl", "1s"],
        ["listen"], ["listen", "--group", "g", "--since", "yesterday"], ["listen", "--group", "g", "--count", "0"],
        ["listen", "--group", "g", "--since", "all", "--last", "1"], ["listen", "--group", "g", "--count", "x"],
        ["history", "--group", "g", "--limit", "0"], ["groups", "--url", "localhost"],
        ["groups", "--config", "/no/such/file.json"],
    ])
    func `wrong usage`(arguments: [String]) async throws {
        let run = try await CommandRun.run(arguments)
        #expect(run.status == 64)
        #expect(run.errors.hasPrefix("Error: "))
        #expect(run.output == "")
    }

    @Test(arguments: [
        ["send", "--group", "g", "--data", "x"], ["listen", "--group", "g"], ["history", "--group", "g"], ["groups"],
    ])
    func `no server`(arguments: [String]) async throws {
        try await withRefusingPort { url in
            let run = try await CommandRun.run(arguments + ["--url", url])
            #expect(run.status == 1)
            #expect(
                run.errors == "Error: No server answers at \(url): start one with 'notify-cli serve', or give its "
                    + "address with --url.\n"
            )
        }
    }

    @Test func `presence prints who is there, page after page`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            let isLast = request.uri.contains("after=")
            let user =
                isLast
                ? #"{"user":"c","info":null,"connections":0,"since":"t2"}"#
                : #"{"user":"a\u001b\n","info":{"n":1},"connections":2,"since":"t1"}"#
            try await exchange.answer(
                .ok,
                #"{"group":"g","count":3,"users":[\#(user)],"has_more":\#(!isLast)}"#
            )
        }
        try await ScriptedServer.run(script: script) { server in
            let table = try await CommandRun.run(["presence", "--url", server.url, "--group", "g"])
            let lines = table.output.split(separator: "\n").map { $0.split(separator: " ") }
            #expect(table.status == 0 && lines.count == 4, "\(table)")
            #expect(lines[0] == ["3", "in", "g"] && lines[1] == ["CONNECTIONS", "SINCE", "USER", "INFO"])
            #expect(lines[2] == ["2", "t1", "a\\u{1b}", "{\"n\":1}"] && lines[3] == ["0", "t2", "c", "-"])
            let json = try await CommandRun.run(["presence", "--url", server.url, "--group", "g", "--json"])
            #expect(
                json.output.split(separator: "\n") == [
                    #"{"count":3,"group":"g"}"#, #"{"connections":2,"info":{"n":1},"since":"t1","user":"a\u001b\n"}"#,
                    #"{"connections":0,"info":null,"since":"t2","user":"c"}"#,
                ]
            )
            #expect(server.requests.last?.uri.hasPrefix("/groups/g/presence?after=a") == true)
            let without = try await CommandRun.run(["presence", "--url", server.url])
            #expect(without.status == 64)
        }
    }

    @Test func `delete and purge say what they did`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            let isThere = !request.uri.contains("e-9")
            try await exchange.answer(
                isThere ? .noContent : .notFound,
                isThere ? "" : #"{"title":"Not Found","status":404,"detail":"There is no such message."}"#
            )
        }
        try await ScriptedServer.run(script: script) { server in
            func run(_ arguments: String...) async throws -> CommandRun {
                try await CommandRun.run(arguments + ["--url", server.url, "--group", "g"])
            }
            #expect(try await run("delete", "e-1").output == "Deleted e-1 from g.\n")
            #expect(try await run("delete", "e-1", "--json").output == #"{"deleted":"e-1","group":"g"}"# + "\n")
            let missing = try await run("delete", "e-9")
            #expect(missing.status == 1 && missing.output == "" && missing.errors.contains("no such message"))
            #expect(try await run("purge").output == "Removed all messages of g.\n")
            let part = try await run("purge", "--through", "e-7", "--yes", "--json")
            #expect(part.output == #"{"group":"g","purged":true,"through":"e-7"}"# + "\n")
            #expect(try await run("delete", "x").status == 64)
            #expect(try await run("purge", "--through", "x").status == 64)
            #expect(
                server.requests.map { "\($0.method) \($0.uri)" } == [
                    "DELETE /groups/g/messages/e-1", "DELETE /groups/g/messages/e-1", "DELETE /groups/g/messages/e-9",
                    "DELETE /groups/g/messages", "DELETE /groups/g/messages?through=e-7",
                ]
            )
        }
    }

    @Test func `listen follows patterns`() async throws {
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0", resumed: false)
            try await exchange.message(1)
        }
        try await ScriptedServer.run(script: script) { server in
            let run = try await CommandRun.run(
                ["listen", "--url", server.url, "--match", "orders.*", "--group", "g", "--count", "1"]
            )
            #expect(run.status == 0)
            #expect(server.requests.first?.uri.hasPrefix("/events?group=g&match=orders.%2A&since=latest") == true)
            #expect(try await CommandRun.run(["listen", "--match", "a b"]).status == 64)
        }
    }

    @Test func `standard input that is no text`() async throws {
        let run = try await CommandRun.run(["send", "--group", "g"], input: Data([0xFF, 0x0A]))
        #expect(run.status == 1)
        #expect(run.errors.contains("is not UTF-8 text"))
    }

    @Test func `listen prints each once over broken connections, and tells what happened`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            try await exchange.open(at: "e-\(request.number)", resumed: request.number > 0)
            if request.number == 2 {
                let reset = #"{"reason":"expired","requested":"e-2","oldest":"e-3"}"#
                try await exchange.write("event: stream-reset\nid: e-2\ndata: \(reset)\n\n")
            }
            for sequence in 1...(request.number + 1) { try await exchange.message(sequence) }
            if request.number < 2 { try await exchange.end() }
        }
        try await ScriptedServer.run(script: script) { server in
            let arguments = ["listen", "--url", server.url, "--group", "g", "--since", "all", "--count", "3", "--json"]
            let run = try await CommandRun.run(arguments)
            #expect(run.status == 0)
            #expect(run.lines.map { $0.suffix(11) } == ["\"id\":\"e-1\"}", "\"id\":\"e-2\"}", "\"id\":\"e-3\"}"])
            let errors = run.errors.split(separator: "\n")
            #expect(errors.filter { $0.hasPrefix("Connection lost: ") }.count == 2)
            #expect(errors.filter { $0 == "Connected again." }.count == 2)
            #expect(errors.filter { $0.hasPrefix("Warning: the server has already removed") }.count == 1)
        }
    }

    @Test func `listen ends when nobody reads, with and without another message`() async throws {
        for sendsMore in [true, false] {
            let script: ScriptedServer.Script = { _, exchange in
                try await exchange.open(at: "e-0")
                try await exchange.message(1)
                while sendsMore {
                    try await exchange.message(2, epoch: "f\(UInt32.random(in: 0...UInt32.max))")
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await exchange.closed()
            }
            try await ScriptedServer.run(script: script) { server in
                let run = try await CommandRun.runUntilFirstLine(["listen", "--group", "g", "--url", server.url])
                #expect(run.output.hasPrefix("e-1  "))
                #expect(run.errors == "status 0\n")
            }
        }
    }

    @Test func `history pages backward and prints forward`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            // 2500 messages; answers the pages that the client asks for.
            let fields = URLComponents(string: request.uri)?.queryItems ?? []
            let bound = fields.first { $0.name == "before" }?.value?.dropFirst("e-".count)
            let before = bound.flatMap { Int($0) } ?? 2501
            let limit = fields.first { $0.name == "limit" }?.value.flatMap { Int($0) } ?? 100
            let first = max(1, before - limit)
            let messages = (first..<before).map { sequence in
                #"{"id":"e-\#(sequence)","group":"g","event":"message","data":"d","created_at":"t"}"#
            }
            try await exchange.answer(
                .ok,
                #"{"messages":[\#(messages.joined(separator: ","))],"has_more":\#(first > 1)}"#
            )
        }
        try await ScriptedServer.run(script: script) { server in
            for (limit, first) in [("1700", 801), ("9999", 1), ("3", 2498)] {
                let arguments = ["history", "--url", server.url, "--group", "g", "--limit", limit]
                let run = try await CommandRun.run(arguments)
                #expect(run.lines.map { $0.prefix { $0 != " " } } == (first...2500).map { "e-\($0)" })
            }
        }
    }

    @Test func `groups, all pages`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            let isFirst = !request.uri.contains("after=")
            let name = isFirst ? "a" : "b"
            let group = #"{"group":"\#(name)","messages":1,"subscribers":0,"first_id":null,"last_id":null}"#
            try await exchange.answer(.ok, #"{"groups":[\#(group)],"has_more":\#(isFirst)}"#)
        }
        try await ScriptedServer.run(script: script) { server in
            let json = try await CommandRun.run(["groups", "--json", "--url", server.url])
            #expect(
                json.lines
                    == ["a", "b"].map {
                        #"{"first_id":null,"group":"\#($0)","last_id":null,"messages":1,"subscribers":0}"#
                    }
            )
            let people = try await CommandRun.run(["groups", "--url", server.url])
            #expect(people.lines.count == 3)
            #expect(people.lines.first?.hasPrefix("  MESSAGES  SUBSCRIBERS") == true)
        }
    }

    @Test(arguments: ["check", "backup", "vacuum", "stats"])
    func `help for databases has examples, too`(command: String) async throws {
        let run = try await CommandRun.run(["database", command, "--help"])
        #expect(run.status == 0)
        #expect(run.output.contains("Examples:"))
        #expect(run.output.contains("NOTIFY_DATABASE"))
    }

    @Test(arguments: ["send", "listen", "history", "groups"])
    func `help has examples and names the variables`(command: String) async throws {
        let run = try await CommandRun.run([command, "--help"])
        #expect(run.status == 0)
        #expect(run.output.contains("Examples:"))
        #expect(run.output.contains("NOTIFY_URL"))
    }
}
