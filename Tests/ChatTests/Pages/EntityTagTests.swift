import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Testing

@testable import Chat

struct EntityTagTests {
    @Test(
        arguments: [
            [#""abc""#], [#"W/"abc""#], ["*"], [#""x", "abc""#], [#"W/"x" , W/"abc""#], [#""a,b", "abc""#],
            [#""x""#, #""abc""#], [#" "abc" "#],
        ]
    )
    func `a list names it, weak or not`(fields: [String]) {
        #expect(EntityTag("abc").isNamed(in: fields))
    }

    @Test(arguments: [[], [""], ["abc"], [#""ab""#], [#""abc"#, #""ABC""#], [#""x,abc""#], [#""x, "abc"#], ["W/abc"]])
    func `other tags do not`(fields: [String]) {
        #expect(!EntityTag("abc").isNamed(in: fields))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a file that the browser has already is not sent again`() async throws {
        try await ChatServer.run { server in
            var request = HTTPClientRequest(url: server.url + "/assets/chat.js")
            let first = try await server.client.execute(request, timeout: .seconds(30))
            _ = try await first.body.collect(upTo: 1 << 20)
            let tag = try #require(first.headers.first(name: "etag"))
            for fields in [[tag], ["W/\(tag)"], ["\"x\", W/\(tag)"], ["\"x\"", tag], ["*"]] {
                request.headers.remove(name: "if-none-match")
                for field in fields { request.headers.add(name: "if-none-match", value: field) }
                let response = try await server.client.execute(request, timeout: .seconds(30))
                #expect(response.status == .notModified)
                #expect(response.headers.first(name: "etag") == tag)
            }
        }
    }
}
