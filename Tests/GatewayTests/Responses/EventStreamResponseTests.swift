import Broker
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Testing

@testable import Gateway

/// Event streams that a route makes.
@Suite(.timeLimit(.minutes(1)))
struct EventStreamResponseTests {
    private static func stream(_ server: TestServer) async throws -> EventReader {
        try await server.stream("/made")
    }

    @Test func `it has the head of an event stream and begins with retry`() async throws {
        let events = MadeParts<ServerSentEvent>()
        try await ResponseServer.run {
            EventStreamResponse(events, headers: [.cacheControl: "no-store"], retry: .seconds(3) ... .seconds(3))
        } _: { server in
            let stream = try await Self.stream(server)
            #expect(stream.head["content-type"] == "text/event-stream")
            #expect(stream.head["cache-control"] == "no-store")
            #expect(stream.head["x-accel-buffering"] == "no")
            #expect(try await stream.item() == .retry(3000))
            #expect(server.gateway.counters.streamedResponses[.events] == 1)
            events.make(ServerSentEvent(id: "1", event: "greeting", data: "hello"))
            #expect(try await stream.event() == EventParser.Event(id: "1", type: "greeting", data: "hello"))
            events.make(ServerSentEvent(data: "a\r\nb\rc\nd"))
            #expect(try await stream.event() == EventParser.Event(data: "a\nb\nc\nd"))
            events.end()
            #expect(try await stream.rest().isEmpty)
        }
    }

    @Test func `nothing in an event adds a field`() async throws {
        let event = ServerSentEvent(id: "1\nevent: x", event: "a\r\ndata: y\0", data: "z\nid: 7\n\nevent: w")
        let expected =
            "id: 1\u{FFFD}event: x\nevent: a\u{FFFD}\u{FFFD}data: y\u{FFFD}\ndata: z\ndata: id: 7\ndata: \ndata: event: w\n\n"
        #expect(String(buffer: event.bytes) == expected)
    }

    @Test func `a silent stream says a comment, and none breaks into an event`() async throws {
        let events = MadeParts<ServerSentEvent>()
        try await ResponseServer.run {
            $0.connectionBufferBytes = 16 << 10
        } _: {
            EventStreamResponse(events, heartbeat: .milliseconds(1))
        } _: { server in
            let connection = try await server.connect(receiveBuffer: 16_384)
            await connection.send(TestServer.bytes("GET", "/made"))
            let stream = try await EventReader(connection)
            _ = try await stream.item()
            #expect(try await stream.item() == .comment(""))
            let large = String(repeating: "x", count: 1 << 20)
            for number in 0..<4 { events.make(ServerSentEvent(data: "\(number)" + large)) }
            events.end()
            let items = try await stream.rest()
            let texts = items.compactMap { item -> String? in
                if case .event(let event) = item { event.data } else { nil }
            }
            #expect(texts == (0..<4).map { "\($0)" + large })
            #expect(
                items.allSatisfy { item in
                    switch item {
                    case .event, .comment(""): true
                    default: false
                    }
                }
            )
        }
    }

    @Test func `a stream that speaks needs no comments`() async throws {
        let turns = EventTurns(now: .now)
        let start = ContinuousClock.now
        #expect(turns.tick(.seconds(10), now: start + .seconds(1)) > start + .seconds(9))
        async let turn = turns.next(now: start)
        async let given: Void = turns.give(ByteBuffer(string: "event"))
        guard case .event = await turn else {
            Issue.record("the event has not come")
            return
        }
        async let next = turns.next(now: start + .seconds(8))
        await given
        // Two seconds after the event was written: nothing is due.
        _ = turns.tick(.seconds(10), now: start + .seconds(10))
        let again = turns.tick(.seconds(10), now: start + .seconds(19))
        #expect(again == start + .seconds(29))
        guard case .heartbeat = await next else {
            Issue.record("the heartbeat has not come")
            return
        }
    }

    @Test func `an error says so in a comment, and breaks off`() async throws {
        let record = LogRecord()
        let events = MadeParts(ServerSentEvent(data: "one"))
        try await ResponseServer.run(logger: record.logger(.error)) {
            EventStreamResponse(events)
        } _: { server in
            let stream = try await Self.stream(server)
            #expect(try await stream.event()?.data == "one")
            events.fail()
            guard case .comment(let text)? = try await stream.item() else {
                Issue.record("no comment has come")
                return
            }
            #expect(text.contains("failed"))
            await #expect(throws: RawConnection.Ended.self) { try await stream.item() }
            #expect(record.lines("A streamed response failed").count == 1)
        }
    }

    @Test func `when the server stops it ends with retry and a whole body`() async throws {
        let events = MadeParts(ServerSentEvent(data: "one"))
        try await ResponseServer.run {
            $0.grace = .seconds(20)
        } _: {
            EventStreamResponse(events, retry: .seconds(3) ... .seconds(3))
        } _: { server in
            let stream = try await Self.stream(server)
            #expect(try await stream.event()?.data == "one")
            async let stop: Void = server.gateway.stop()
            #expect(try await stream.rest() == [.retry(3000)])
            await stop
            #expect(events.wasCancelled)
        }
    }

    @Test func `over the limit of connections it is 200, retry, end`() async throws {
        let events = MadeParts(ServerSentEvent(data: "one"))
        try await ResponseServer.run {
            $0.maximumConnections = 1
        } _: {
            EventStreamResponse(events)
        } _: { server in
            let first = try await Self.stream(server)
            #expect(try await first.event()?.data == "one")
            let second = try await server.get("/made", ["Accept: text/event-stream"])
            #expect(second.status == 200)
            #expect(second.text.wholeMatch(of: /retry: \d+\n: come back later: .+\n\n/) != nil, "\(second.text)")
            // What asks for something else is told so.
            #expect(try await server.get("/made").status == 503)
        }
    }

    @Test func `a client that goes away cancels the sequence`() async throws {
        let events = MadeParts(ServerSentEvent(data: "one"))
        try await ResponseServer.run {
            EventStreamResponse(events)
        } _: { server in
            let stream = try await Self.stream(server)
            #expect(try await stream.event()?.data == "one")
            await stream.close()
            try await eventually { events.wasCancelled }
            try await eventually { server.gateway.counters.streamedResponses[.events] == 0 }
        }
    }
}
