import Testing

@testable import Gateway

/// WebSockets as operators see them, and end them.
@Suite(.timeLimit(.minutes(1)))
struct SocketListTests {
    @Test func `operators see each subscription, and can end its socket`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket("/groups/a/events")
            #expect(try await socket.json().subscribed == "")
            #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["b"]}}"#).subscribed == "x")
            let list = try await server.get("/connections").text
            #expect(list.split(separator: "\"transport\":\"websocket\"").count == 3)
            let id = try #require(list.split(separator: "\"id\":\"").dropFirst().first?.prefix { $0 != "\"" })
            #expect(try await server.request("DELETE", "/connections/\(id)").status == 204)
            #expect(try await socket.closed().closeCode == 1001)
            try await eventually { server.gateway.counters.streams.value == 0 }
        }
    }

    @Test func `a socket that follows nothing is shown, and can be ended`() async throws {
        try await TestServer.run { server async throws in
            func shown() async throws -> [ConnectionRoutesTests.Listing.Connection] {
                try await server.get("/connections").json(ConnectionRoutesTests.Listing.self).connections
            }
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"ping":1}"#).error == nil)
            let bare = try #require(try await shown().first)
            #expect(bare.transport == "websocket" && bare.groups.isEmpty && bare.match.isEmpty)
            #expect(bare.state == "live" && bare.position == nil && bare.address == "127.0.0.1")
            // Its subscriptions stand for it, and have ids of their own.
            #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["b"]}}"#).subscribed == "x")
            let stream = try await server.stream("/groups/a/events")
            _ = try await stream.event()
            let both = try await shown()
            #expect(both.map(\.groups).sorted { $0[0] < $1[0] } == [["a"], ["b"]])
            #expect(Set(both.map(\.id) + [bare.id]).count == 3)
            #expect(try await socket.ask(#"{"unsubscribe":"x"}"#).unsubscribed == "x")
            #expect(try await shown().contains { $0.id == bare.id })
            #expect(try await server.request("DELETE", "/connections/\(bare.id)").status == 204)
            #expect(try await socket.closed().closeCode == 1001)
            try await eventually { server.gateway.counters.streams.value == 1 }
            #expect(try await server.request("DELETE", "/connections/\(bare.id)").status == 404)
            #expect(try await shown().map(\.groups) == [["a"]])
        }
    }

    @Test func `pages have sockets and streams in the order in which they began`() async throws {
        try await TestServer.run({ $0.eventLoops = 1 }) { server async throws in
            var open: [Any] = []
            for number in 0..<6 {
                if number % 2 == 0 {
                    let socket = try await server.socket()
                    _ = try await socket.ask(#"{"ping":1}"#)
                    open.append(socket)
                } else {
                    let stream = try await server.stream("/groups/g/events")
                    _ = try await stream.event()
                    open.append(stream)
                }
            }
            var (transports, query, hasMore) = ([String](), "limit=2", true)
            while hasMore {
                let page = try await server.get("/connections?\(query)").json(ConnectionRoutesTests.Listing.self)
                transports += page.connections.map(\.transport)
                (hasMore, query) = (page.has_more, "limit=2&after=\(page.connections.last?.id ?? "")")
            }
            #expect(
                transports == ["websocket", "event-stream", "websocket", "event-stream", "websocket", "event-stream"]
            )
            withExtendedLifetime(open) {}
        }
    }
}
