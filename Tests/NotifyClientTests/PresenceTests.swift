import NIOHTTP1
import ScriptedServer
import Testing

@testable import NotifyClient

struct PresenceTests {
    @Test func `presence reads a page of users with whatever is shown of them`() async throws {
        let page = """
            {"group":"g","count":3,"users":[{"user":"a & b","info":{"n":1,"x":[null,true,1.5,"t"]},"connections":2,\
            "since":"t"},{"user":"c","info":null,"connections":0,"since":"t"}],"has_more":true}
            """
        try await NotifyClientTests.with(script: { try await $1.answer(.ok, page) }) { client, server in
            let presence = try await client.presence(group: "g", after: "a+", limit: 2)
            #expect(presence.group == "g" && presence.count == 3 && presence.hasMore)
            #expect(presence.users.map(\.user) == ["a & b", "c"] && presence.users.map(\.connections) == [2, 0])
            #expect(
                presence.users[0].info
                    == .object(["n": .integer(1), "x": .array([.null, .bool(true), .number(1.5), .string("t")])])
            )
            #expect(presence.users[1].info == .null)
            #expect(server.requests.first?.uri == "/groups/g/presence?after=a%2B&limit=2")
            let wrong = try await NotifyClientTests.error { _ = try await client.presence(group: "a b") }
            #expect(wrong.code == .invalidArgument)
        }
    }
}
