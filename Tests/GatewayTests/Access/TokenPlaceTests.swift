import Foundation
import Gateway
import Testing

/// Where a token may stand in a request.
@Suite(.timeLimit(.minutes(1)))
struct TokenPlaceTests {
    private static let token = TokenMaker.token(publish: ["g"], subscribe: ["g"])

    @Test func `a cookie counts where the page is this server's own`() async throws {
        try await AccessTableTests.run({ $0.allowedOrigins = ["https://app.example"] }) { server, _ async throws in
            let cookie = ["Cookie: a=b; notify_token=\(Self.token)"]
            let path = "/groups/g/messages"
            func get(_ headers: [String]) async throws -> Int { try await server.get(path, cookie + headers).status }
            func post(_ headers: [String]) async throws -> Int {
                try await server.post(path, cookie + headers, "x").status
            }
            #expect(try await get([]) == 200)
            #expect(try await get(["Sec-Fetch-Site: same-origin"]) == 200)
            #expect(try await get(["Sec-Fetch-Site: none"]) == 200)
            #expect(try await get(["Sec-Fetch-Site: same-site"]) == 401)
            #expect(try await get(["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"]) == 401)
            #expect(try await get(["Sec-Fetch-Site: cross-site"]) == 403)
            #expect(try await get(["Origin: https://app.example", "Sec-Fetch-Site: cross-site"]) == 200)
            #expect(try await get(["Origin: http://localhost"]) == 200)
            #expect(try await get(["Origin: https://evil.example"]) == 403)
            // What changes something needs an Origin.
            #expect(try await post([]) == 401)
            #expect(try await post(["Sec-Fetch-Site: same-origin"]) == 401)
            #expect(try await post(["Origin: http://localhost"]) == 201)
            #expect(try await post(["Origin: https://app.example"]) == 201)
        }
    }

    @Test func `a star among the origins trusts no cookie`() async throws {
        try await AccessTableTests.run({ $0.allowedOrigins = ["*"] }) { server, _ async throws in
            let cookie = ["Cookie: notify_token=\(Self.token)"]
            let path = "/groups/g/messages"
            let foreign = ["Origin: https://evil.example"]
            #expect(try await server.get(path, cookie + foreign).status == 401)
            #expect(try await server.get(path, cookie).status == 200)
            #expect(try await server.get(path, ["Authorization: Bearer \(Self.token)"] + foreign).status == 200)
        }
    }

    @Test func `the cookie may have another name`() async throws {
        try await AccessTableTests.run({ $0.access.cookie = "other" }) { server, _ async throws in
            #expect(try await server.get("/groups/g/messages", ["Cookie: other=\(Self.token)"]).status == 200)
            #expect(try await server.get("/groups/g/messages", ["Cookie: notify_token=\(Self.token)"]).status == 401)
        }
    }

    @Test func `a foreign origin may come with a token in its hands`() async throws {
        try await AccessTableTests.run { server, _ async throws in
            let foreign = ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"]
            let path = "/groups/g/messages"
            let allowed = try await server.post(path, foreign + ["Authorization: Bearer \(Self.token)"], "x")
            #expect(allowed.status == 201)
            #expect(try await server.post(path, foreign, "x").status == 403)
            // A browser sends this one by itself.
            #expect(try await server.post(path, foreign + ["Authorization: Basic eDp5"], "x").status == 403)
        }
    }

    @Test func `the address may hold a token where that is allowed`() async throws {
        try await AccessTableTests.run({ $0.access.allowsQueryToken = true }) { server, _ async throws in
            let path = "/groups/g/messages?limit=1&access_token="
            #expect(try await server.get(path + Self.token).status == 200)
            #expect(try await server.get(path + "x").status == 401)
            #expect(try await server.get(path).status == 401)
            let stream = try await server.stream("/events?access_token=\(Self.token)&group=g")
            #expect(try await stream.event()?.type == "stream-open")
        }
        try await AccessTableTests.run { server, _ async throws in
            #expect(try await server.get("/groups/g/messages?access_token=\(Self.token)").status == 401)
        }
    }

    @Test func `refusals can be read by a page`() async throws {
        try await AccessTableTests.run({ $0.allowedOrigins = ["https://app.example"] }) { server, _ async throws in
            for headers in [[], ["Authorization: Bearer \(TokenMaker.token())"]] {
                let answer = try await server.get("/groups/g/messages", headers + ["Origin: https://app.example"])
                #expect([401, 403].contains(answer.status))
                #expect(answer["access-control-allow-origin"] == "https://app.example")
                #expect(answer["access-control-expose-headers"]?.contains("www-authenticate") == true)
                try expectProblem(answer, answer.status, "'subscribe'")
            }
        }
    }
}
