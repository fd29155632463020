import Gateway
import Testing

/// A stream while it lasts: heartbeats, what the client still sends, how it ends.
@Suite(.timeLimit(.minutes(1)))
struct StreamLifeTests {
    @Test func `a silent stream says a comment, again and again`() async throws {
        try await TestServer.run({ $0.heartbeat = .milliseconds(40) }) { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            for _ in 1...3 { #expect(try await stream.item() == .comment("")) }
            try await server.publish("x")
            #expect(try await stream.event()?.data == "x")
        }
    }

    @Test func `heartbeats do not break events apart`() async throws {
        try await TestServer.run({ $0.heartbeat = .milliseconds(1) }) { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let text = String(repeating: "0123456789\n", count: 50_000)
            try await server.publish(text, "y", text)
            #expect(try await stream.events(3).map(\.data) == [text, "y", text])
        }
    }

    @Test func `a little input is passed over`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            await stream.connection.send(TestServer.text("GET", "/healthz"))
            await stream.connection.send("garbage\r\n\r\n")
            try await server.publish("x")
            #expect(try await stream.event()?.data == "x")
        }
    }

    @Test func `much input ends the stream`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            await stream.connection.send([UInt8](repeating: 0x78, count: 64 << 10))
            _ = try await stream.connection.end()
        }
    }

    @Test func `a client that goes is taken out of its groups`() async throws {
        try await TestServer.run { server in
            func subscribers() async throws -> Int {
                try await server.get("/groups/test-group").json(GroupBody.self).subscribers
            }
            let first = try await server.stream()
            _ = try await first.event()
            let second = try await server.stream("/events?group=test-group&group=other")
            _ = try await second.event()
            #expect(try await subscribers() == 2)
            await first.close()
            while try await subscribers() != 1 {}
            try await second.connection.finishSending()
            while try await subscribers() != 0 {}
        }
    }

    @Test func `stop ends streams with retry and a whole body`() async throws {
        // No comment comes in between, however slow the machine is.
        try await TestServer.run({ $0.heartbeat = .seconds(600) }) { server in
            var streams: [EventReader] = []
            for path in ["/groups/test-group/events", "/events?group=a&group=b", "/groups/a/events?since=all"] {
                let stream = try await server.stream(path)
                _ = try await stream.event()
                streams.append(stream)
            }
            async let stop: Void = server.gateway.stop()
            for stream in streams {
                let rest = try await stream.rest()
                guard case .retry(let milliseconds)? = rest.first, rest.count == 1 else {
                    Issue.record("\(rest)")
                    return
                }
                #expect((2000...4000).contains(milliseconds))
                #expect(try await stream.connection.end().isEmpty)
                #expect(try await !stream.connection.wasReset)
            }
            await stop
        }
    }
}
