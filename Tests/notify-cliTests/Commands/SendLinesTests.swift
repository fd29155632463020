import Foundation
import NIOHTTP1
import ScriptedServer
import Synchronization
import Testing

/// `send --lines`, the built program, against a server that answers as the test says.
@Suite(.timeLimit(.minutes(2)))
struct SendLinesTests {
    private struct Line: Decodable {
        let group: String
        let event: String?
        let data: String
        let ttl: Double?
    }

    private static func lines(_ request: ScriptedServer.Request) -> [Line] {
        request.body.split(separator: "\n").compactMap { try? JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    /// Answers each message with an id that its data ends with: `e-DATA`.
    private static let publishing: ScriptedServer.Script = { request, exchange in
        let ids = lines(request).map { #""e-\#($0.data.suffix(8))""# }
        try await exchange.answer(.created, #"{"ids":[\#(ids.joined(separator: ","))]}"#)
    }

    private static func run(
        _ server: ScriptedServer,
        _ arguments: [String] = [],
        input: String
    ) async throws -> CommandRun {
        let arguments = ["send", "--lines", "--group", "g", "--url", server.url] + arguments
        return try await CommandRun.run(arguments, input: Data(input.utf8))
    }

    @Test func `in order, and together`() async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let numbers = (1...2500).map(String.init)
            let input = numbers.joined(separator: "\n")
            let run = try await Self.run(server, ["--event", "e", "--ttl", "1h"], input: input)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.lines == numbers.map { "e-\($0)" })
            let batches = server.requests.map { Self.lines($0) }
            #expect(batches.joined().map(\.data) == numbers)
            #expect(batches.joined().allSatisfy { $0.group == "g" && $0.event == "e" && $0.ttl == 3600 })
            #expect(batches.allSatisfy { $0.count <= 1000 })
            #expect(server.requests.allSatisfy { $0.uri == "/messages" })
            #expect(batches.count < 1000, "each line was sent alone")
        }
    }

    @Test(arguments: [[], ["--no-persist"]])
    func `where the server takes no more for now, it waits and goes on`(options: [String]) async throws {
        let refusals = Mutex(3)
        let script: ScriptedServer.Script = { request, exchange in
            let isRefused = refusals.withLock { left in
                left -= 1
                return left >= 0
            }
            if isRefused {
                return try await exchange.answer(
                    .tooManyRequests,
                    headers: ["Retry-After": "0"],
                    type: "application/problem+json",
                    #"{"detail":"Too many messages come from this client."}"#
                )
            }
            guard options.isEmpty else {
                return try await exchange.answer(.accepted, #"{"group":"g","event":"message"}"#)
            }
            try await Self.publishing(request, exchange)
        }
        try await ScriptedServer.run(script: script) { server in
            let run = try await Self.run(server, options, input: "a\nb\n")
            #expect(run.status == 0, "\(run.errors)")
            #expect(server.requests.count == (options.isEmpty ? 4 : 5))
            #expect(run.errors.contains("From line 1 on: Too many messages come from this client."))
            #expect(run.errors.split(separator: "\n").count == 1, "it says so once: \(run.errors)")
        }
    }

    @Test func `an empty line is an empty message`() async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let run = try await Self.run(server, input: "a\n\nb\n")
            #expect(run.lines == ["e-a", "e-", "e-b"])
        }
    }

    @Test func `for programs`() async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let run = try await Self.run(server, ["--json"], input: "ä\nb\n")
            #expect(
                run.lines == [
                    #"{"data_bytes":2,"event":"message","group":"g","id":"e-ä"}"#,
                    #"{"data_bytes":1,"event":"message","group":"g","id":"e-b"}"#,
                ]
            )
        }
    }

    @Test func `without storing, one by one`() async throws {
        let script: ScriptedServer.Script = { try await $1.answer(.accepted, #"{"group":"g","event":"message"}"#) }
        try await ScriptedServer.run(script: script) { server in
            let run = try await Self.run(server, ["--no-persist"], input: "a\nb\n")
            #expect(run.status == 0)
            #expect(run.output == "")
            #expect(server.requests.map(\.body) == ["a", "b"])
            #expect(server.requests.allSatisfy { $0.uri == "/groups/g/messages?persist=false" })
        }
    }

    @Test(
        arguments: [
            (.serviceUnavailable, "The disk is full.", "Lines 1001 to 1002 were not sent: The disk is full. (503)"),
            (
                .payloadTooLarge, "Line 2: It is too long.",
                "Lines 1001 to 1002 were not sent, because of line 1002: It is too long. (413)"
            ),
            (.badGateway, "No answer.", "Whether lines 1001 to 1002 were sent is not known: No answer. (502)"),
        ] as [(HTTPResponseStatus, String, String)]
    )
    func `a batch that fails says which lines`(status: HTTPResponseStatus, detail: String, said: String) async throws {
        let script: ScriptedServer.Script = { request, exchange in
            if Self.lines(request).contains(where: { $0.data == "bad" }) {
                try await exchange.answer(status, #"{"detail":"\#(detail)"}"#)
            } else {
                try await Self.publishing(request, exchange)
            }
        }
        try await ScriptedServer.run(script: script) { server in
            // A thousand lines, which is a batch, and two more; all of it is one write, so that all of it is there.
            let run = try await Self.run(server, input: (1...1000).map { "\($0)\n" }.joined() + "bad\nbad\n")
            #expect(run.lines == (1...1000).map { "e-\($0)" })
            #expect(run.errors == "Error: \(said)\n")
            #expect(run.status == 1)
        }
    }

    @Test func `a single line that fails`() async throws {
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.answer(.payloadTooLarge, #"{"detail":"Line 1: Too long."}"#)
        }
        try await ScriptedServer.run(script: script) { server in
            let run = try await Self.run(server, input: "a")
            #expect(run.errors == "Error: Line 1 was not sent: Too long. (413)\n")
            #expect(run.output == "" && run.status == 1)
        }
    }

    @Test func `a connection that breaks leaves it open`() async throws {
        try await ScriptedServer.run(script: { try await $1.close() }) { server in
            let run = try await Self.run(server, input: "a\n")
            #expect(run.status == 1)
            #expect(run.errors.hasPrefix("Error: Whether line 1 was sent is not known: The connection to "))
        }
    }

    @Test func `a line that is no text`() async throws {
        try await ScriptedServer.run(script: Self.publishing) { server in
            let arguments = ["send", "--lines", "--group", "g", "--url", server.url]
            let run = try await CommandRun.run(arguments, input: Data([0x61, 0x0A, 0xFF, 0x0A]))
            #expect(run.status == 1)
            #expect(run.errors.hasPrefix("Error: From line "))
            #expect(run.errors.contains("is not UTF-8 text (line 2)"))
        }
    }
}
