import Broker
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Testing

@testable import Gateway

/// Requests × tokens: who gets what, on every route.
@Suite(.timeLimit(.minutes(1)))
struct AccessTableTests {
    /// Runs a body with a server that has one key, and one API key.
    static func run(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        apiKeys: APIKeyFile = APIKeyFile(),
        router: Router<GatewayContext> = Router(context: GatewayContext.self),
        logger: Logger = Logger(label: "notify"),
        openStreams: OpenStreams = OpenStreams(),
        _ body: (TestServer, _ folder: String) async throws -> Void
    ) async throws {
        try await StreamServer.withFolder { folder in
            try Data(TokenMaker.secret.utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            try JSONEncoder().encode(apiKeys).write(to: URL(fileURLWithPath: folder + "/keys.json"))
            let configure: (inout GatewayConfiguration) -> Void = { configuration in
                configuration.access.keyFiles = [folder + "/secret"]
                configuration.access.apiKeyFile = folder + "/keys.json"
                configuration.access.leeway = .zero
                configure(&configuration)
            }
            try await TestServer.run(configure, router: router, logger: logger, openStreams: openStreams) {
                try await body($0, folder)
            }
        }
    }

    struct Entry: Sendable, CustomTestStringConvertible {
        let method: String
        let path: String
        /// What it needs: a right, or nil for nothing.
        let right: String?
        let body: String?
        /// With the right.
        let status: Int
        /// Whether it asks for a WebSocket.
        let upgrades: Bool

        init(
            _ method: String,
            _ path: String,
            _ right: String?,
            _ status: Int,
            body: String? = nil,
            upgrades: Bool = false
        ) {
            (self.method, self.path, self.right, self.status, self.body) = (method, path, right, status, body)
            self.upgrades = upgrades
        }

        var testDescription: String { "\(method) \(path)\(upgrades ? " as a WebSocket" : "")" }
        var isForGroup: Bool { ["publish", "subscribe", "delete"].contains(right ?? "") }
    }

    static let entries = [
        Entry("POST", "/groups/a.b/messages", "publish", 201, body: "x"),
        Entry("POST", "/groups/a.b/messages?persist=false", "publish", 202, body: "x"),
        Entry("POST", "/messages", "publish", 201, body: #"{"group":"a.b","data":"x"}"#),
        // Without the rest of a handshake. The right comes first.
        Entry("GET", "/groups/a.b/events", "subscribe", 426, upgrades: true),
        Entry("GET", "/events?group=a.b", "subscribe", 426, upgrades: true),
        Entry("HEAD", "/groups/a.b/events", "subscribe", 200), Entry("HEAD", "/events?group=a.b", "subscribe", 200),
        Entry("GET", "/groups/a.b/messages", "subscribe", 200),
        Entry("GET", "/groups/a.b/messages?wait=0s", "subscribe", 200),
        Entry("DELETE", "/groups/a.b/messages", "delete", 204),
        Entry("DELETE", "/groups/a.b/messages?through=x-1", "delete", 409),
        Entry("GET", "/messages?group=a.b", "subscribe", 200), Entry("GET", "/messages?match=a.b*", "subscribe", 200),
        Entry("GET", "/messages?match=a.b*&wait=0s", "subscribe", 200),
        Entry("HEAD", "/events?match=a.b*", "subscribe", 200),
        Entry("HEAD", "/events?match=a.b*&group=a.b", "subscribe", 200),
        Entry("GET", "/groups/a.b/messages/x-1", "subscribe", 404), Entry("GET", "/groups/a.b", "subscribe", 200),
        Entry("GET", "/groups/a.b/presence", "subscribe", 200), Entry("HEAD", "/groups/a.b/presence", "subscribe", 200),
        Entry("HEAD", "/events?group=a.b&presence=true", "subscribe", 200),
        Entry("DELETE", "/groups/a.b/messages/x-1", "delete", 404), Entry("GET", "/metrics", "admin", 200),
        Entry("GET", "/connections", "admin", 200), Entry("DELETE", "/connections/x-1", "admin", 404),
        Entry("GET", "/healthz", nil, 200), Entry("GET", "/readyz", nil, 200), Entry("GET", "/openapi.yaml", nil, 200),
        Entry("OPTIONS", "/groups/a.b/messages", nil, 204),
        Entry("OPTIONS", "*", nil, 204),
        Entry("GET", "/nowhere", nil, 404), Entry("PUT", "/groups/a.b/messages", nil, 405),
    ]

    private static func ask(_ server: TestServer, _ entry: Entry, _ token: String?) async throws -> RawResponse {
        let headers =
            (token.map { ["Authorization: Bearer \($0)"] } ?? []) + (entry.upgrades ? ["Upgrade: websocket"] : [])
        return try await server.request(entry.method, entry.path, headers, body: entry.body.map { Array($0.utf8) })
    }

    private static func token(
        _ right: String?,
        groups: [String] = ["a.*"],
        expires: Double = 60,
        secret: String = TokenMaker.secret
    )
        -> String
    {
        TokenMaker.token(
            publish: right == "publish" ? groups : [],
            subscribe: right == "subscribe" ? groups : [],
            delete: right == "delete" ? groups : [],
            admin: right == "admin",
            expires: expires,
            secret: secret
        )
    }

    @Test(arguments: entries)
    func `every route asks for its right`(entry: Entry) async throws {
        try await Self.run { server, _ async throws in
            let none = try await Self.ask(server, entry, nil)
            let allowed = try await Self.ask(server, entry, Self.token(entry.right))
            #expect(allowed.status == entry.status, "\(allowed.text)")
            guard let right = entry.right else {
                #expect(none.status == entry.status)
                #expect(try await Self.ask(server, entry, "bad").status == entry.status)
                return
            }
            #expect(none.status == 401)
            #expect(none["www-authenticate"] == "Bearer")
            for bad in [
                Self.token(right, expires: -1), Self.token(right, secret: TokenMaker.secret + "x"), "nonsense",
                "nk_other",
                TokenMaker.token(#"{"nbf":99999999999}"#), TokenMaker.token("{}", header: #"{"alg":"none"}"#),
                TokenMaker.token("{}", header: #"{"alg":"RS256"}"#),
            ] {
                let refused = try await Self.ask(server, entry, bad)
                #expect(refused.status == 401)
                #expect(refused["www-authenticate"]?.hasPrefix("Bearer error=\"invalid_token\", error_d") == true)
            }
            let others = ["publish", "subscribe", "delete", "admin"].filter { $0 != right }
            var lacking = others.map { Self.token($0, groups: ["*"]) }
            if entry.isForGroup { lacking.append(Self.token(right, groups: ["a.c", "b.*", "a.b*.c"])) }
            for token in lacking {
                let refused = try await Self.ask(server, entry, token)
                #expect(refused.status == 403)
                #expect(refused["www-authenticate"]?.hasPrefix("Bearer error=\"insufficient_scope\"") == true)
                #expect(refused["www-authenticate"]?.contains("'\(right)'") == true)
            }
        }
    }

    @Test func `the table has every route there is`() async throws {
        try await Self.run { server, _ async throws in
            // Streams, which do not end, are asked for by HEAD above.
            for path in ["/groups/a.b/events", "/events?group=a.b"] {
                #expect(try await server.get(path).status == 401)
                let token = TokenMaker.token(subscribe: ["a.b"])
                let stream = try await server.stream(path, ["Authorization: Bearer \(token)"])
                #expect(try await stream.event()?.type == "stream-open")
            }
            for path in [
                "/groups", "/groups/{group}", "/groups/{group}/events", "/groups/{group}/messages",
                "/groups/{group}/messages/{id}", "/groups/{group}/presence", "/messages", "/events", "/metrics",
                "/healthz", "/readyz",
                "/openapi.yaml", "/connections", "/connections/{id}",
            ] {
                let known = server.gateway.paths.filter { $0 == path }
                #expect(!known.isEmpty, "\(path)")
            }
            // Any right to a group opens a socket, whose frames ask for theirs: SocketRightsTests. Without an upgrade it is 426.
            for (token, status) in [
                (nil, 401), ("bad", 401), (TokenMaker.token(delete: ["*"], admin: true), 403),
                (TokenMaker.token(publish: ["a.b"]), 426), (TokenMaker.token(subscribe: ["a.b"]), 426),
            ] {
                let headers = token.map { ["Authorization: Bearer \($0)"] } ?? []
                #expect(try await server.get("/socket", headers).status == status)
            }
            let covered = Set(Self.entries.map { $0.path.split(separator: "?")[0] }.map(String.init)).union(["/socket"])
            for path in server.gateway.paths where path != "/groups" {
                let example = path.replacing("{group}", with: "a.b").replacing("{id}", with: "x-1")
                #expect(covered.contains(example), "\(path) is not in the table")
            }
        }
    }

    @Test func `the order of refusals`() async throws {
        try await Self.run { server, _ async throws in
            let bad = ["Authorization: Bearer x"]
            #expect(try await server.get("/groups/a.b", ["Host: example.org"] + bad).status == 403)
            #expect(try await server.get("/nowhere", bad).status == 404)
            #expect(try await server.request("PUT", "/groups/a.b", bad).status == 405)
            // 401 before 403 before 400.
            #expect(try await server.get("/groups/a%20b/messages?nonsense=1", bad).status == 401)
            #expect(try await server.get("/groups/a.b/events?nonsense=1").status == 401)
            #expect(try await server.get("/events").status == 401)
            let token = ["Authorization: Bearer \(TokenMaker.token(publish: ["x"], subscribe: ["x"]))"]
            #expect(try await server.get("/groups/a.b/messages?nonsense=1", token).status == 403)
            #expect(try await server.get("/events?group=a.b&group=%00&nonsense=1", token).status == 403)
            #expect(try await server.get("/events?group=x&group=%00", token).status == 400)
            #expect(try await server.get("/events?match=y*&match=%20&nonsense=1", token).status == 403)
            #expect(try await server.get("/events?match=x&match=%20", token).status == 400)
            #expect(try await server.get("/messages?match=y*&wait=x", token).status == 403)
            #expect(try await server.post("/groups/a.b/messages?nonsense=1", token, "x").status == 403)
            #expect(try await server.post("/groups/x/messages", token + ["Expect: nonsense"], "x").status == 417)
            #expect(try await server.post("/groups/a.b/messages", token + ["Expect: nonsense"], "x").status == 403)
            // What the router does not have or does not allow comes before what is wrong with the rest.
            for rest in [["Expect: nonsense"], ["Content-Encoding: gzip"], ["Content-Length: 999999999"]] {
                func status(_ method: String, _ path: String, _ headers: [String]) async throws -> Int {
                    try await server.request(method, path, headers + rest).status
                }
                #expect(try await status("GET", "/nowhere", bad) == 404)
                #expect(try await status("PUT", "/groups/a.b", bad) == 405)
                #expect(try await status("GET", "/groups/a.b/messages", bad) == 401)
                #expect(try await status("DELETE", "/groups/a.b/messages/x-1", token) == 403)
                #expect(try await status("GET", "/groups/a.b/messages", token) == 403)
                #expect([413, 415, 417].contains(try await status("GET", "/groups/x/messages", token)))
                #expect([413, 415, 417].contains(try await status("GET", "/healthz", token)))
            }
            let line = #"{"group":"x","data":1}"# + "\n" + #"{"group":"a.b","data":1}"#
            let refused = try await server.post("/messages", token, line)
            #expect(refused.status == 403 && refused.text.contains("'publish' for 'a.b'"))
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `a refusal says what is wrong with the token's rights`() async throws {
        try await Self.run { server, _ async throws in
            func refusal(_ claims: String) async throws -> String {
                let token = TokenMaker.token(claims)
                let response = try await server.get("/groups/a/messages", ["Authorization: Bearer \(token)"])
                #expect(response.status == 403)
                return response.text
            }
            #expect(try await refusal(#"{"sub":"a"}"#).contains("no claim 'notify'"))
            #expect(try await refusal(#"{"notify":{"subscribe":["b","ö*"]}}"#).contains("'ö*', is no pattern"))
            #expect(try await refusal(#"{"notify":{"subscribe":["b"],"publish":["ö"]}}"#).contains("pattern") == false)
        }
    }

    @Test func `anybody may do what is granted to everybody`() async throws {
        try await Self.run {
            $0.access.anonymousSubscribe = ["news.*"]
            $0.access.anonymousPublish = ["inbox"]
        } _: { server, _ async throws in
            for headers in [[], ["Authorization: Bearer \(TokenMaker.token(subscribe: ["x"]))"]] {
                #expect(try await server.get("/groups/news.a/messages", headers).status == 200)
                #expect(try await server.post("/groups/inbox/messages", headers, "x").status == 201)
            }
            #expect(try await server.get("/groups/inbox/messages").status == 401)
            #expect(try await server.post("/groups/news.a/messages", "x").status == 401)
            // A bad token is one also where none would do.
            #expect(try await server.get("/groups/news.a/messages", ["Authorization: Bearer x"]).status == 401)
        }
    }

    @Test func `the list of groups shows those that one may follow`() async throws {
        try await Self.run({ $0.access.anonymousSubscribe = ["news.*"] }) { server, _ async throws in
            for number in 0..<30 {
                for name in ["a.\(number)", "b.\(number)", "news.\(number)", "z"] {
                    try await server.publish("x", to: name)
                }
            }
            func names(_ query: String, _ headers: [String] = []) async throws -> ([String], Bool) {
                struct Listing: Decodable {
                    struct Group: Decodable { let group: String }
                    let groups: [Group]
                    let has_more: Bool
                }
                let listing = try await server.get("/groups?\(query)", headers).json(Listing.self)
                return (listing.groups.map(\.group), listing.has_more)
            }
            #expect(try await names("").0.count == 30)
            #expect(try await names("prefix=a").0 == [])
            let whole = try await names("limit=30")
            #expect(whole.0.count == 30 && !whole.1)
            let token = ["Authorization: Bearer \(TokenMaker.token(subscribe: ["b.?", "z", "a.1*"]))"]
            let expected =
                (["a.1"] + (10..<20).map { "a.\($0)" } + (0..<10).map { "b.\($0)" }
                + (0..<30).map { "news.\($0)" }).sorted() + ["z"]
            #expect(try await names("", token).0 == expected)
            var (paged, after, hasMore) = ([String](), "", true)
            while hasMore {
                let page = try await names("limit=7&after=\(after)", token)
                paged += page.0
                (after, hasMore) = (page.0.last ?? "", page.1)
            }
            #expect(paged == expected)
            #expect(try await names("prefix=b.1", token).0 == ["b.1"])
            #expect(try await server.get("/groups", ["Authorization: Bearer x"]).status == 401)
        }
    }

    @Test func `an API key is known by its hash`() async throws {
        let file = APIKeyFile(
            keys: [.init(name: "ci", sha256: APIKeyFile.digest(of: "nk_abc"), publish: ["a.*"], admin: true)]
        )
        try await Self.run(apiKeys: file) { server, _ async throws in
            let key = ["Authorization: Bearer nk_abc"]
            #expect(try await server.post("/groups/a.b/messages", key, "x").status == 201)
            #expect(try await server.get("/metrics", key).status == 200)
            #expect(try await server.get("/groups/a.b/messages", key).status == 403)
            #expect(try await server.get("/metrics", ["Authorization: Bearer nk_abd"]).status == 401)
        }
    }
}
