import Broker
import NIOCore
import Testing

@testable import Gateway

/// The list of open streams, and how one is ended.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionRoutesTests {
    struct Listing: Decodable {
        struct Connection: Decodable, Equatable {
            let id: String
            let user: String?
            let address: String?
            let transport: String
            let groups: [String]
            let match: [String]
            let state: String
            let position: String?
            let waiting_bytes: Int
            let since: String
        }
        let connections: [Connection]
        let has_more: Bool
    }

    @Test func `shows who follows what, and how far`() async throws {
        try await TestServer.run { server in
            #expect(try await server.get("/connections").text == "{\"connections\":[],\"has_more\":false}\n")
            let stream = try await server.stream("/events?group=b&group=a")
            _ = try await stream.event()
            try await server.publish("x", to: "a")
            _ = try await stream.event()
            let listing = try await server.get("/connections").json(Listing.self)
            let shown = try #require(listing.connections.first)
            #expect(listing.connections.count == 1 && !listing.has_more)
            #expect(shown.groups == ["a", "b"] && shown.match.isEmpty)
            #expect(shown.state == "live" && shown.transport == "event-stream")
            #expect(shown.position == server.id(1))
            #expect(shown.address == "127.0.0.1" && shown.user == nil)
            #expect(shown.waiting_bytes == 0)
            #expect(Timestamp(rfc3339: shown.since) != nil)
        }
    }

    @Test func `streams in other clothes and polls are shown, and end as theirs do`() async throws {
        try await TestServer.run { server in
            let (lines, poll) = (try await server.connect(), try await server.connect())
            await lines.send(TestServer.bytes("GET", "/events?match=a.*", ["Accept: application/x-ndjson"]))
            _ = try await lines.head()
            await poll.send(TestServer.bytes("GET", "/messages?match=b*&group=c&wait=60s"))
            try await eventually { server.gateway.counters.liveStreams.value == 2 }
            let shown = try await server.get("/connections").json(Listing.self).connections
            #expect(Set(shown.map(\.transport)) == ["ndjson", "long-poll"])
            let waiting = try #require(shown.first { $0.transport == "long-poll" })
            #expect(waiting.groups == ["c"] && waiting.match == ["b*"] && waiting.state == "live")
            #expect(try await server.request("DELETE", "/connections/\(waiting.id)").status == 204)
            #expect(try await poll.response().json(HistoryBody.self).messages.isEmpty)
            try await eventually { server.gateway.counters.streams.value == 1 }
        }
    }

    @Test func `pages have every stream once`() async throws {
        try await TestServer.run { server in
            var streams: [EventReader] = []
            for number in 0..<7 {
                let stream = try await server.stream("/groups/g\(number)/events")
                _ = try await stream.event()
                streams.append(stream)
            }
            var (found, query, hasMore) = ([Listing.Connection](), "limit=3", true)
            while hasMore {
                let page = try await server.get("/connections?\(query)").json(Listing.self)
                #expect(page.connections.count <= 3)
                found += page.connections
                hasMore = page.has_more
                query = "limit=3&after=\(page.connections.last?.id ?? "")"
            }
            #expect(Set(found.flatMap(\.groups)) == Set((0..<7).map { "g\($0)" }))
            #expect(Set(found.map(\.id)).count == 7 && found.count == 7)
            let last = try #require(found.last?.id)
            #expect(try await server.get("/connections?after=\(last)").json(Listing.self).connections.isEmpty)
            for after in ["x-1", "", "1", "x", "\(last)0000000000000000000000"] {
                try expectProblem(try await server.get("/connections?after=\(after)"), 400, "after=")
            }
        }
    }

    @Test func `an ended stream ends as at a shutdown, and is gone`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream("/groups/g/events")
            _ = try await stream.event()
            let other = try await server.stream("/groups/h/events")
            _ = try await other.event()
            let shown = try await server.get("/connections").json(Listing.self).connections
            let id = try #require(shown.first { $0.groups == ["g"] }?.id)
            #expect(try await server.request("DELETE", "/connections/\(id)").status == 204)
            #expect(try await stream.event() == nil)
            try expectProblem(try await server.request("DELETE", "/connections/\(id)"), 404, id)
            let left = try await server.get("/connections").json(Listing.self).connections
            #expect(left.map(\.groups) == [["h"]])
            for wrong in ["x-1", "1", "%00", String(repeating: "9", count: 200)] {
                #expect(try await server.request("DELETE", "/connections/\(wrong)").status == 404)
            }
        }
    }

    @Test func `a slow stream catches up, and says what waits`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect(receiveBuffer: 4096)
            await connection.send(TestServer.bytes("GET", "/groups/g/events"))
            try await eventually { server.gateway.counters.liveStreams.value == 1 }
            try await connection.stopReading()
            let text = String(repeating: "x", count: 1 << 20)
            for _ in 0..<12 { try await server.publish(text, to: "g") }
            try await eventually { server.gateway.counters.fellBehind.value == 1 }
            let shown = try await server.get("/connections").json(Listing.self).connections.first
            #expect(shown?.state == "catching-up")
            #expect(shown.map { $0.waiting_bytes > 0 } == true)
            #expect(shown.map { $0.position != server.id(12) } == true)
            await connection.close()
        }
    }

    @Test func `users and the addresses behind proxies are shown`() async throws {
        try await AccessTableTests.run {
            $0.trustedProxies = ["127.0.0.1"]
        } _: { server, _ async throws in
            let token = TokenMaker.token(subscribe: ["*"], admin: true)
            let stream = try await server.stream(
                "/groups/g/events",
                ["Authorization: Bearer \(token)", "X-Forwarded-For: 192.0.2.7"]
            )
            _ = try await stream.event()
            let admin = ["Authorization: Bearer \(token)"]
            let shown = try await server.get("/connections", admin).json(Listing.self).connections.first
            #expect(shown?.user == "u42" && shown?.address == "192.0.2.7")
        }
    }
}
