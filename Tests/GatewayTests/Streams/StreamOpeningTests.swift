import Broker
import Gateway
import Testing

/// The first bytes of an event stream.
@Suite(.timeLimit(.minutes(1)))
struct StreamOpeningTests {
    @Test func `the head and the first chunk, to the byte`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(TestServer.bytes("GET", "/groups/my-group/events"))
            let head = try await connection.head()
            #expect(head.version == "HTTP/1.1")
            #expect(head.status == 200)
            #expect(head["content-type"] == "text/event-stream")
            #expect(head["cache-control"] == "no-cache, no-store, no-transform")
            #expect(head["x-accel-buffering"] == "no")
            #expect(head["transfer-encoding"] == "chunked")
            // It ends with the stream: who keeps connections must not use it again.
            #expect(head["connection"] == "close")
            #expect(head["content-length"] == nil)
            #expect(head["date"] != nil)
            let bytes = try await connection.chunk()
            let chunk = String(decoding: try #require(bytes), as: UTF8.self)
            let match = try #require(chunk.wholeMatch(of: /retry: (\d+)\n(.*)/.dotMatchesNewlines()))
            #expect((2000...4000).contains(try #require(Int(match.1))))
            #expect(
                match.2 == """
                    event: stream-open
                    id: \(server.epoch)-0
                    data: {"groups":["my-group"],"resumed":false}


                    """
            )
        }
    }

    @Test func `each message is one chunk, to the byte`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            try await server.publish("a\r\n\rb\n")
            #expect(
                try await stream.connection.chunk().map { String(decoding: $0, as: UTF8.self) }
                    == "id: \(server.id(1))\ndata: a\ndata: \ndata: b\ndata: \n\n"
            )
            try await server.publish("{\"hello\":\"world\"}", event: "greeting")
            #expect(
                try await stream.connection.chunk().map { String(decoding: $0, as: UTF8.self) }
                    == "id: \(server.id(2))\nevent: greeting\ndata: {\"hello\":\"world\"}\n\n"
            )
        }
    }

    @Test func `retry is drawn for each connection`() async throws {
        try await TestServer.run({ $0.retry = .seconds(30) }) { server in
            var drawn: Set<Int> = []
            for _ in 1...8 {
                let stream = try await server.stream()
                guard case .retry(let milliseconds)? = try await stream.item() else {
                    Issue.record("no retry")
                    return
                }
                #expect((20_000...40_000).contains(milliseconds))
                drawn.insert(milliseconds)
            }
            #expect(drawn.count > 1)
        }
    }

    /// A client may publish from `onopen`: it is subscribed by then.
    @Test func `what is published after the first bytes comes`() async throws {
        try await TestServer.run { server in
            for number in 1...20 {
                let stream = try await server.stream()
                #expect(try await stream.event()?.type == "stream-open")
                #expect(try await server.post("/groups/test-group/messages", "\(number)").status == 201)
                #expect(try await stream.event()?.data == "\(number)")
                await stream.close()
            }
        }
    }

    @Test func `HEAD sends the headers and subscribes nothing`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            for path in ["/groups/test-group/events", "/events?group=a&group=b"] {
                await connection.send(TestServer.text("HEAD", path))
                let head = try await connection.response(to: "HEAD")
                #expect(head.status == 200)
                #expect(head["content-type"] == "text/event-stream")
                #expect(head["cache-control"] == "no-cache, no-store, no-transform")
            }
            // Nothing but heads came: the connection still works.
            await connection.send(TestServer.text("GET", "/groups/test-group"))
            #expect(try await connection.response().json(GroupBody.self).subscribers == 0)
        }
    }

    @Test func `HEAD is refused for what GET is refused for`() async throws {
        try await TestServer.run { server in
            let response = try await server.request("HEAD", "/events")
            #expect(response.status == 400)
            #expect(response["content-type"] == "application/problem+json")
        }
    }

    @Test func `several groups come in the order of their ids, each once`() async throws {
        try await TestServer.run { server in
            try await server.publish("1", to: "a")
            try await server.publish("2", to: "b")
            try await server.publish("3", to: "c")
            try await server.publish("4", to: "a")
            let stream = try await server.stream("/events?group=b&group=a&group=b&since=all")
            #expect(try await stream.event() == openEvent(at: server.id(0), groups: "\"b\",\"a\""))
            #expect(try await stream.events(3).map(\.data) == ["1", "2", "4"])
            for number in 5...24 {
                try await server.publish("\(number)", to: number.isMultiple(of: 2) ? "a" : "b")
            }
            let events = try await stream.events(20)
            #expect(events.map(\.data) == (5...24).map { "\($0)" })
            #expect(events.map(\.id) == (5...24).map { server.id($0) })
        }
    }

    @Test func `the envelope tells the group`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream("/events?group=a&group=b&envelope=json")
            _ = try await stream.event()
            let stored = try await server.publish("x\n\"y\"\r\0", to: "b", event: "grü ß")
            let event = try #require(try await stream.event())
            #expect(event.id == server.id(1))
            #expect(event.type == "grü ß")
            let createdAt = try #require(stored.first?.createdAt)
            #expect(
                event.data
                    == #"{"id":"\#(server.id(1))","group":"b","event":"grü ß","data":"x\n\"y\"\r\u0000","created_at":"\#(createdAt)"}"#
            )
            _ = try await server.post("/groups/a/messages?persist=false", "typing")
            #expect(
                try await stream.event()?.data.hasPrefix(#"{"id":null,"group":"a","event":"message","data":"typing""#)
                    == true
            )
        }
    }

    @Test(
        arguments: [
            ("/events", "Name the groups"),
            ("/events?grup=a", "There are: group"),
            ("/events?group=", "ASCII letters"),
            ("/events?group=a&group=b!", "'b!'"),
            ("/events?" + (1...101).map { "group=g\($0)" }.joined(separator: "&"), "100 groups"),
            ("/groups/a/events?since=yesterday", "since='yesterday'"),
            ("/groups/a/events?since=", "none of"),
            ("/groups/a/events?since=10", "10m"),
            ("/groups/a/events?since=-5m", "10m"),
            ("/groups/a/events?since=2026-13-01T00:00:00Z", "2026"),
            ("/groups/a/events?since=2026-02-30T00:00:00Z", "2026-02-30"),
            ("/groups/a/events?last=-1", "last=10"),
            ("/groups/a/events?last=x", "last=10"),
            ("/groups/a/events?last=", "last=10"),
            ("/groups/a/events?envelope=xml", "envelope=json"),
            ("/groups/a/events?since=%zz", "escape"),
        ]
    )
    func `a request that names no stream is 400`(path: String, words: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get(path), 400, words)
        }
    }

    @Test func `the header wins, but does not hide a wrong parameter`() async throws {
        try await TestServer.run { server in
            let header = ["Last-Event-ID: \(server.id(0))"]
            try expectProblem(try await server.get("/groups/a/events?since=yesterday", header), 400)
        }
    }

    @Test func `100 groups are followed`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream("/events?" + (1...100).map { "group=g\($0)" }.joined(separator: "&"))
            #expect(try await stream.event()?.type == "stream-open")
            try await server.publish("x", to: "g100")
            #expect(try await stream.event()?.data == "x")
        }
    }
}
