import Broker
import Testing

@testable import Gateway

/// The tokens that operators see.
@Suite(.timeLimit(.minutes(1)))
struct SeenTokensTests {
    private static func token(_ number: Int, ends: Int64? = nil) -> VerifiedToken {
        VerifiedToken(
            digest: withUnsafeBytes(of: number) { Array($0) },
            rights: .none,
            user: "u\(number)",
            endsAt: ends.map { Timestamp(milliseconds: $0) },
            key: AccessKey()
        )
    }

    private static func at(_ milliseconds: Int) -> Timestamp { Timestamp(milliseconds: Int64(milliseconds)) }

    @Test func `those that were used longest ago go`() {
        let seen = SeenTokens()
        let kept = Self.token(-1)
        seen.note(kept, at: Self.at(0))
        for number in 0..<5000 {
            kept.noteUse(at: Self.at(number))
            seen.note(Self.token(number), at: Self.at(number))
            if number.isMultiple(of: 99) { #expect(seen.all.count <= SeenTokens.maximum) }
        }
        #expect(seen.all.contains { $0.token === kept })
        #expect(seen.all.first?.lastSeen == Self.at(4999))
    }

    @Test func `a token is one, on however many loops and after however many reloads`() {
        let seen = SeenTokens()
        let tokens = (0..<200).map { _ in Self.token(1) }
        for (number, token) in tokens.enumerated() { seen.note(token, at: Self.at(number + 1)) }
        tokens[0].noteUse(at: Self.at(10))
        #expect(seen.all.count == 1)
        #expect(seen.all.first?.firstSeen == Self.at(1) && seen.all.first?.lastSeen == Self.at(200))
        tokens[199].noteUse(at: Self.at(900))
        #expect(seen.all.first?.lastSeen == Self.at(900))
        #expect((seen.all.first?.tokens.count ?? 0) <= 64)
    }

    @Test func `one that has ended does not count`() {
        let seen = SeenTokens()
        let token = Self.token(1, ends: 100)
        seen.note(token, at: Self.at(1))
        #expect(seen.counts(token.digest, at: Self.at(99)) && !seen.counts(token.digest, at: Self.at(100)))
        #expect(!seen.counts([1], at: Self.at(1)))
    }

    @Test func `operators see whose they are, what they grant and what is open with them`() async throws {
        let keys = APIKeyFile(
            keys: [.init(name: "ci", sha256: APIKeyFile.digest(of: "nk_abc"), publish: ["a.*"], admin: true)]
        )
        let streams = OpenStreams()
        try await AccessTableTests.run(apiKeys: keys, openStreams: streams) { server, _ async throws in
            #expect(await streams.tokens(limit: 9).count == 0)
            let token = TokenMaker.token(subscribe: ["a", "b", "c", "d.*"], user: "u42")
            let bearer = ["Authorization: Bearer \(token)"]
            let stream = try await server.stream("/groups/a/events", bearer)
            _ = try await stream.event()
            let socket = try await server.socket("/events?group=b", bearer)
            #expect(try await socket.json().subscribed == "")
            #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["c"]}}"#).subscribed == "x")
            #expect(try await server.get("/metrics", ["Authorization: Bearer nk_abc"]).status == 200)
            #expect(try await server.get("/metrics", ["Authorization: Bearer nk_bad"]).status == 401)
            let (tokens, count) = await streams.tokens(limit: 9)
            #expect(count == 2 && tokens.count == 2)
            let user = try #require(tokens.first { $0.user == "u42" })
            #expect(user.connections == 2 && user.counts && user.apiKey == nil && user.endsAt != nil)
            #expect(user.rights == "subscribe a, b, c and 1 more")
            let program = try #require(tokens.first { $0.apiKey == "ci" })
            #expect(program.connections == 0 && program.user == nil && program.rights == "publish a.*; admin")
            #expect(await streams.tokens(limit: 1).tokens.count == 1)
            await stream.close()
            await socket.connection.close()
            try await eventually { server.gateway.counters.connections.value == 0 }
            #expect(await streams.tokens(limit: 9).tokens.allSatisfy { $0.connections == 0 })
        }
    }
}
