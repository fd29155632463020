import Broker
import Foundation
import Testing

@testable import Gateway

/// Who follows a group, as clients see it on each transport.
@Suite(.timeLimit(.minutes(1)))
struct PresenceTests {
    struct Page: Decodable {
        struct User: Decodable, Equatable {
            let user: String
            let info: [String: Int]?
            let connections: Int
            let since: String
        }
        let group: String
        let count: Int
        let users: [User]
        let has_more: Bool
    }

    static func bearer(_ user: String, info: String? = nil, expires: Double = 3600) -> String {
        let claims =
            #"{"sub":"\#(user)","exp":\#(Date.now.timeIntervalSince1970 + expires),"notify":{"subscribe":["*"],"admin":true"#
            + (info.map { ",\"info\":\($0)" } ?? "") + "}}"
        return "Authorization: Bearer \(TokenMaker.token(claims))"
    }

    static let reader = bearer("reader")

    static func page(_ server: TestServer, _ query: String = "") async throws -> Page {
        try await server.get("/groups/g/presence" + query, [reader]).json(Page.self)
    }

    /// Waits until so many follow the group.
    static func wait(_ server: TestServer, count: Int) async throws {
        while try await page(server).count != count { try Task.checkCancellation() }
    }

    /// With keys, so that there are users.
    static func run(
        delay: Duration = .seconds(60),
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let key = APIKeyFile.Entry(name: "program", sha256: APIKeyFile.digest(of: "nk_a"), subscribe: ["*"])
        try await AccessTableTests.run(
            {
                $0.presenceDelay = delay
                $0.allowsCleartextHTTP2 = true
                $0.grace = .seconds(2)
                configure(&$0)
            },
            apiKeys: APIKeyFile(keys: [key])
        ) { server, _ in try await body(server) }
    }

    @Test func `a group that nobody follows`() async throws {
        try await TestServer.run { server in
            let empty = try await server.get("/groups/g/presence")
            #expect(empty.status == 200)
            #expect(empty.text == #"{"group":"g","count":0,"users":[],"has_more":false}"# + "\n")
            for path in ["?limit=0", "?limit=1001", "?before=a", "?after=a&after=b"] {
                try expectProblem(try await server.get("/groups/g/presence" + path), 400)
            }
            try expectProblem(try await server.get("/groups/a%20b/presence"), 400)
            try expectProblem(try await server.post("/groups/g/presence", "x"), 405)
            for path in ["/events?match=g*&presence=true", "/events?group=g&presence=1", "/groups/g/events?presence="] {
                try expectProblem(try await server.get(path), 400, "resence")
            }
            try expectProblem(try await server.get("/groups/g/messages?presence=true"), 400)
        }
    }

    @Test func `whoever follows by name counts, with whatever transport`() async throws {
        try await Self.run { server in
            let user = Self.bearer("u1", info: #"{"n":1}"#)
            let events = try await server.stream("/events?group=g&group=g&match=g*", [user])
            _ = try await events.event()
            let lines = try await server.connect()
            await lines.send(TestServer.bytes("GET", "/groups/g/events", [user, "Accept: application/x-ndjson"]))
            _ = try await lines.head()
            let socket = try await server.socket("/socket", [user])
            #expect(try await socket.ask(#"{"subscribe":{"name":"s","groups":["g"]}}"#).subscribed == "s")
            let http2 = await FrameClient(try await server.connect())
            let field = ("authorization", String(user.dropFirst("Authorization: ".count)))
            await http2.request("GET", "/groups/g/events", on: 1, [field])
            _ = try await http2.text(on: 1, until: "stream-open")
            try await Self.wait(server, count: 1)
            while try await Self.page(server).users.first?.connections != 4 { try Task.checkCancellation() }
            // Those who are not known are counted; patterns and polls are not.
            let program = try await server.stream("/groups/g/events", ["Authorization: Bearer nk_a"])
            _ = try await program.event()
            let pattern = try await server.stream("/events?match=g", [Self.bearer("u2")])
            _ = try await pattern.event()
            let poll = try await server.connect()
            await poll.send(TestServer.bytes("GET", "/groups/g/messages?wait=60s", [Self.bearer("u3")]))
            try await eventually { server.gateway.counters.polls.value == 1 }
            let page = try await Self.page(server)
            #expect(page.group == "g" && page.count == 2 && !page.has_more)
            #expect(page.users.map(\.user) == ["u1"] && page.users[0].info == ["n": 1])
            #expect(page.users[0].connections == 4 && Timestamp(rfc3339: page.users[0].since) != nil)
            let metrics = try await server.get("/metrics", [Self.reader]).text
            #expect(
                metrics.contains("\nnotify_presence_users 1\n") && metrics.contains("\nnotify_presence_anonymous 1\n")
            )
            // They go, in whatever way their connections end.
            await program.close()
            await lines.close()
            await socket.connection.close()
            await http2.connection.close()
            await events.close()
            while try await Self.page(server).users.first?.connections != 0 { try Task.checkCancellation() }
            #expect(try await Self.page(server).count == 1)
            // A page that is loaded again: the same user, who has been here since.
            let again = try await server.stream("/groups/g/events", [user])
            _ = try await again.event()
            #expect(try await Self.page(server).users.first?.connections == 1)
            #expect(try await Self.page(server).users.first?.since == page.users[0].since)
        }
    }

    @Test func `users come in pages, by name`() async throws {
        try await Self.run { server in
            for name in ["d", "b", "a", "c"] {
                _ = try await server.stream("/groups/g/events", [Self.bearer(name)]).event()
            }
            let first = try await Self.page(server, "?limit=3")
            #expect(first.users.map(\.user) == ["a", "b", "c"] && first.has_more && first.count == 4)
            let rest = try await Self.page(server, "?limit=3&after=c")
            #expect(rest.users.map(\.user) == ["d"] && !rest.has_more && rest.count == 4)
        }
    }

    @Test func `streams are told, each in its clothes`() async throws {
        try await Self.run(delay: .zero) { server in
            let watcher = Self.bearer("w")
            let path = "/events?group=g&presence=true&envelope=json"
            let events = try await server.stream(path, [watcher])
            #expect(try await events.event()?.type == "stream-open")
            let first = try #require(try await events.event())
            #expect(first.type == "stream-presence" && first.id == nil)
            #expect(first.data == #"{"group":"g","count":1,"users":[{"user":"w","info":null}],"more":false}"#)
            let other = try await server.stream("/groups/g/events", [Self.bearer("u1", info: #"{"n": 1}"#)])
            _ = try await other.event()
            let joined = try await events.event()?.data
            #expect(
                joined
                    == #"{"group":"g","count":2,"joined":[{"user":"u1","info":{"n":1}}],"left":[],"more":false}"#
            )
            let lines = try await server.connect()
            let accept = "Accept: application/x-ndjson"
            await lines.send(TestServer.bytes("GET", "/groups/g/events?presence=true", [watcher, accept]))
            _ = try await lines.head()
            var text = ""
            while !text.contains("stream-presence"), let chunk = try await lines.chunk() {
                text += String(decoding: chunk, as: UTF8.self)
            }
            #expect(
                text.hasSuffix(
                    #"{"event":"stream-presence","id":null,"data":{"group":"g","count":2,"users":[{"user":"u1","info":{"n":1}},"#
                        + #"{"user":"w","info":null}],"more":false}}"# + "\n"
                )
            )
            await other.close()
            let left = try await events.event()?.data
            #expect(left == #"{"group":"g","count":1,"joined":[],"left":["u1"],"more":false}"#)
            // Nothing of it is a message: it is not stored, and has no id.
            #expect(server.log.frontier.sequence == 0)
            #expect(server.gateway.counters.presenceEvents.value >= 4)
        }
    }

    @Test func `sockets are told with the names of their subscriptions`() async throws {
        try await Self.run(delay: .zero) { server in
            let socket = try await server.socket("/socket", [Self.bearer("w")])
            await socket.send(#"{"subscribe":{"name":"s1","groups":["g","h"],"match":["x*"],"presence":true}}"#)
            #expect(try await socket.json().subscribed == "s1")
            let first = Set([try await socket.text(), try await socket.text()])
            #expect(
                first
                    == Set(
                        ["g", "h"].map {
                            #"{"presence":{"subscription":"s1","group":"\#($0)","count":1,"users":[{"user":"w","info":null}],"more":false}}"#
                        }
                    )
            )
            let other = try await server.socket("/events?group=g&presence=true", [Self.bearer("u1")])
            #expect(try await other.json().subscribed == "")
            #expect(
                try await other.text().hasPrefix(
                    #"{"presence":{"subscription":"","group":"g","count":2,"users":[{"user":"u1""#
                )
            )
            #expect(
                try await socket.text()
                    == #"{"presence":{"subscription":"s1","group":"g","count":2,"joined":[{"user":"u1","info":null}],"left":[],"more":false}}"#
            )
            // A subscription that ends leaves, and its socket is told nothing more.
            #expect(try await other.ask(#"{"unsubscribe":""}"#).unsubscribed == "")
            #expect(try await socket.text().contains(#""count":1,"joined":[],"left":["u1"]"#))
            #expect(try await other.ask(#"{"subscribe":{"name":"t","groups":["g"]}}"#).subscribed == "t")
            #expect(try await socket.text().contains(#""count":2,"joined":[{"user":"u1","info":null}],"left":[]"#))
            await other.send(#"{"ping":1}"#)
            #expect(try await other.text() == #"{"pong":1}"#)
        }
    }

    @Test func `a token that ends, an operator, and a client that goes away make users leave`() async throws {
        try await Self.run(delay: .zero) { server in
            let watcher = try await server.stream("/groups/g/events?presence=true", [Self.bearer("w")])
            _ = try await watcher.events(2)
            func next() async throws -> String { try #require(try await watcher.event()).data }
            let ending = try await server.stream("/groups/g/events", [Self.bearer("u1", expires: 1.5)])
            #expect(try await next().contains(#""joined":[{"user":"u1""#))
            _ = try await ending.rest()
            #expect(try await next().contains(#""left":["u1"]"#))
            let socket = try await server.socket("/groups/g/events", [Self.bearer("u2", expires: 1.5)])
            #expect(try await next().contains(#""joined":[{"user":"u2""#))
            #expect(try await socket.closed().closeCode == 1008)
            #expect(try await next().contains(#""left":["u2"]"#))
            let ended = try await server.stream("/groups/g/events", [Self.bearer("u3")])
            #expect(try await next().contains(#""joined":[{"user":"u3""#))
            let open = try await server.get("/connections", [Self.reader]).json(ConnectionRoutesTests.Listing.self)
            let id = try #require(open.connections.first { $0.user == "u3" }?.id)
            #expect(try await server.request("DELETE", "/connections/\(id)", [Self.reader]).status == 204)
            _ = try await ended.rest()
            #expect(try await next().contains(#""left":["u3"]"#))
        }
    }

    @Test func `a server that stops has nobody left`() async throws {
        try await Self.run(delay: .zero) { server in
            let stream = try await server.stream("/groups/g/events?presence=true", [Self.bearer("u1")])
            _ = try await stream.events(2)
            let socket = try await server.socket("/groups/g/events?presence=true", [Self.bearer("u2")])
            _ = try await socket.json()
            async let stopping: Void = server.gateway.stop()
            _ = try await stream.rest()
            await stream.close()
            #expect(try await socket.closed().closeCode == 1001)
            await socket.connection.close()
            await stopping
            for name in ["notify_presence_users", "notify_presence_anonymous", "notify_presence_leaving"] {
                let family = try #require(server.gateway.metrics.families.first { $0.name == name })
                #expect(family.series.map(\.value) == [.whole(0)])
            }
        }
    }

    @Test func `where nobody is known, connections are counted`() async throws {
        try await TestServer.run { server in
            let watcher = try await server.stream("/groups/g/events?presence=true")
            #expect(try await watcher.events(2).last?.data == #"{"group":"g","count":1,"users":[],"more":false}"#)
            let other = try await server.stream("/groups/g/events")
            #expect(
                try await watcher.event()?.data == #"{"group":"g","count":2,"joined":[],"left":[],"more":false}"#
            )
            await other.close()
            #expect(
                try await watcher.event()?.data == #"{"group":"g","count":1,"joined":[],"left":[],"more":false}"#
            )
        }
    }
}
