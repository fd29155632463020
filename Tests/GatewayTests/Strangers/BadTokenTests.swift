import Broker
import NIOCore
import Testing

@testable import Gateway

/// Whoever sends tokens that do not count makes the server check a signature each time.
@Suite(.timeLimit(.minutes(1)))
struct BadTokenTests {
    private static let rate = Rate(perSecond: 0.001, burst: 3)
    private static let path = "/groups/a/messages"

    private static func bearer(_ token: String) -> [String] { ["Authorization: Bearer \(token)"] }

    private static func exhaust(_ server: TestServer, _ headers: [String] = []) async throws {
        for token in ["x.y.z", TokenMaker.token(subscribe: ["a"], secret: TokenMaker.secret + "x"), "nk_none"] {
            #expect(try await server.get(path, bearer(token) + headers).status == 401)
        }
    }

    @Test func `an address has so many, then its new tokens wait`() async throws {
        try await AccessTableTests.run({ $0.badTokenRate = Self.rate }) { server, _ async throws in
            let known = TokenMaker.token(subscribe: ["a"], user: "known")
            #expect(try await server.get(Self.path, Self.bearer(known)).status == 200)
            try await Self.exhaust(server)
            let new = TokenMaker.token(subscribe: ["a"], user: "new")
            for token in ["x.y.z", new] {
                let refused = try await server.get(Self.path, Self.bearer(token))
                try expectProblem(refused, 429, "--bad-token-rate")
                #expect(refused["retry-after"].flatMap { Int($0) } ?? 0 > 10)
            }
            // On whichever event loop it comes.
            for _ in 0..<8 { #expect(try await server.get(Self.path, Self.bearer(known)).status == 200) }
            #expect(try await server.get("/healthz").status == 200)
            #expect(try await server.get(Self.path).status == 401)
            let counted = server.gateway.counters.rejections.values.filter { $0.value != 0 }
            #expect(Dictionary(uniqueKeysWithValues: counted) == [.token: 4, .guesses: 2])
        }
    }

    @Test func `a stream is asked to come back, a socket is told`() async throws {
        try await AccessTableTests.run({ $0.badTokenRate = Self.rate }) { server, _ async throws in
            try await Self.exhaust(server)
            let new = Self.bearer(TokenMaker.token(subscribe: ["a"]))
            for path in ["/groups/a/events", "/events?group=a"] {
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", path, new))
                let response = try await connection.response()
                #expect(response.status == 200 && response["content-type"] == "text/event-stream")
                #expect(response.text.contains("retry: ") && response.text.contains("--bad-token-rate"))
                #expect(try await server.get(path, new + SocketClient.handshake).status == 429)
                #expect(try await server.request("HEAD", path, new).status == 429)
            }
            #expect(try await server.get("/socket", new + SocketClient.handshake).status == 429)
            #expect(try await server.get("/groups/a/messages?wait=1s", new).status == 429)
        }
    }

    @Test func `others behind a trusted proxy are not held up`() async throws {
        try await AccessTableTests.run({ ($0.badTokenRate, $0.trustedProxies) = (Self.rate, ["127.0.0.1"]) }) {
            server,
            _ async throws in
            try await Self.exhaust(server, ["X-Forwarded-For: 192.0.2.7"])
            let new = Self.bearer(TokenMaker.token(subscribe: ["a"]))
            #expect(try await server.get(Self.path, new + ["X-Forwarded-For: 192.0.2.7"]).status == 429)
            #expect(try await server.get(Self.path, new + ["X-Forwarded-For: 192.0.2.8"]).status == 200)
            // A network of IPv6 is one client.
            try await Self.exhaust(server, ["X-Forwarded-For: 2001:db8::1"])
            #expect(try await server.get(Self.path, Self.bearer("y") + ["X-Forwarded-For: 2001:db8::2"]).status == 429)
        }
    }

    /// Looking takes nothing.
    @Test func `a bucket can be looked at`() {
        let limit = RateLimit<Int>(Rate(perSecond: 1, burst: 2))
        #expect(limit.wait(of: 1, now: .uptimeNanoseconds(0)) == nil)
        #expect(limit.keys == 0)
        limit.charge(2, to: 1, now: .uptimeNanoseconds(0))
        #expect(limit.wait(of: 1, now: .uptimeNanoseconds(0)) == .seconds(1))
        #expect(limit.wait(of: 1, now: .uptimeNanoseconds(0)) == .seconds(1))
        #expect(limit.wait(of: 1, now: .uptimeNanoseconds(1_000_000_000)) == nil)
    }
}
