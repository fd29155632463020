import NIOHTTP1
import ScriptedServer
import Testing

@testable import NotifyClient

@Suite(.timeLimit(.minutes(1)))
struct PublishTogetherTests {
    private static let messages = [
        OutgoingMessage(group: "a", data: "one\ntwo"),
        OutgoingMessage(group: "b", event: "e/ä", data: "", ttl: .milliseconds(1500)),
    ]

    @Test func `each message is a line`() async throws {
        let script: ScriptedServer.Script = { try await $1.answer(.created, #"{"ids":["e-1","e-2"]}"#) }
        try await NotifyClientTests.with(script: script) { client, server in
            let ids = try await client.publish(contentsOf: Self.messages)
            #expect(ids == ["e-1", "e-2"])
            let request = try #require(server.requests.first)
            #expect(request.method == .POST)
            #expect(request.uri == "/messages")
            #expect(request.headers["content-type"] == ["application/x-ndjson"])
            let lines = request.body.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count == 3 && lines[2].isEmpty)
            #expect(lines[0].contains(#""data":"one\ntwo""#) && !lines[0].contains("event"))
            #expect(lines[1].contains(#""event":"e/ä""#) && lines[1].contains(#""ttl":1.5"#))
        }
    }

    @Test func `nothing is sent for no messages`() async throws {
        try await NotifyClientTests.with(script: { try await $1.answer(.created, "{}") }) { client, server in
            let ids = try await client.publish(contentsOf: [])
            #expect(ids.isEmpty)
            #expect(server.requests.isEmpty)
        }
    }

    @Test(
        arguments: [
            ("Line 2: The data has 9 bytes.", 1), ("The store is full.", nil), ("Line 0: x", nil), ("Line x: x", nil),
        ] as [(String, Int?)]
    )
    func `a refusal tells which message is to blame`(detail: String, index: Int?) async throws {
        let script: ScriptedServer.Script = { _, exchange in
            let type = "application/problem+json"
            try await exchange.answer(.payloadTooLarge, type: type, #"{"detail":"\#(detail)"}"#)
        }
        try await NotifyClientTests.with(script: script) { client, _ in
            let error = try await NotifyClientTests.error { try await client.publish(contentsOf: Self.messages) }
            #expect(error.code == .refused)
            #expect(error.status == 413)
            #expect(error.message == "\(detail) (413)")
            #expect(error.index == index)
        }
    }

    @Test func `what would be refused is not sent`() async throws {
        try await NotifyClientTests.with(script: { try await $1.answer(.created, "{}") }) { client, server in
            let wrong = Self.messages + [OutgoingMessage(group: "a b", data: "x")]
            let error = try await NotifyClientTests.error { try await client.publish(contentsOf: wrong) }
            #expect(error.code == .invalidArgument)
            #expect(error.index == 2)
            #expect(error.message.hasPrefix("Line 3: The group name 'a b'"))
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `an answer with too few ids`() async throws {
        let script: ScriptedServer.Script = { try await $1.answer(.created, #"{"ids":["e-1"]}"#) }
        try await NotifyClientTests.with(script: script) { client, _ in
            let error = try await NotifyClientTests.error { try await client.publish(contentsOf: Self.messages) }
            #expect(error.code == .invalidResponse)
        }
    }
}
