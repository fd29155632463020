import Broker
import Testing

/// Where a stream begins: `Last-Event-ID`, `last_event_id`, `since`, `last`.
@Suite(.timeLimit(.minutes(1)))
struct StreamStartTests {
    /// How a stream is asked for when 5 messages are stored, and what comes first.
    struct Start: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let query: String
        let header: String?
        /// The position of `stream-open`.
        let position: Int
        let resumed: Bool

        init(_ query: String, header: String? = nil, position: Int, resumed: Bool = false) {
            testDescription = query + (header.map { " \($0)" } ?? "")
            (self.query, self.header, self.position, self.resumed) = (query, header, position, resumed)
        }
    }

    @Test(
        arguments: [
            Start("", position: 5),
            Start("?since=latest", position: 5),
            Start("?since=all", position: 0),
            Start("?since=EPOCH-2", position: 2, resumed: true),
            Start("?since=1h", position: 0),
            Start("?since=10000d", position: 0),
            Start("?since=0s", position: 5),
            Start("?since=2020-01-31T12:00:00Z", position: 0),
            Start("?since=2016-12-31t23:59:60z", position: 0),
            Start("?since=2020-01-31T12:00:00.123%2B01:00", position: 0),
            Start("?since=2099-01-31T12:00:00.000Z", position: 5),
            Start("?last=2", position: 3),
            Start("?last=0", position: 5),
            Start("?last=5", position: 0),
            Start("?last=1000000000000", position: 0),
            Start("?last_event_id=EPOCH-3", position: 3, resumed: true),
            Start("", header: "EPOCH-0", position: 0, resumed: true),
            Start("", header: "EPOCH-4", position: 4, resumed: true),
            Start("", header: "EPOCH-5", position: 5, resumed: true),
            // The header always wins, then the id, then since, then last.
            Start("?last_event_id=EPOCH-1&since=all&last=1", header: "EPOCH-4", position: 4, resumed: true),
            Start("?last_event_id=EPOCH-3&since=all&last=1", position: 3, resumed: true),
            Start("?since=all&last=1", position: 0),
            Start("?since=latest&last=3", position: 5),
        ]
    )
    func `begins where it was asked to, and goes on`(start: Start) async throws {
        try await TestServer.run { server in
            try await server.publish("1", "2", "3", "4", "5")
            let stream = try await server.stream(
                "/groups/test-group/events" + start.query.replacing("EPOCH", with: server.epoch),
                start.header.map { ["Last-Event-ID: " + $0.replacing("EPOCH", with: server.epoch)] } ?? []
            )
            #expect(stream.head.status == 200)
            #expect(try await stream.event() == openEvent(at: server.id(start.position), resumed: start.resumed))
            try await server.publish("6", "7")
            let expected = Array((start.position + 1)...7)
            let events = try await stream.events(expected.count)
            #expect(events.map(\.data) == expected.map { "\($0)" })
            #expect(events.map(\.id) == expected.map { server.id($0) })
        }
    }

    /// An id that cannot be gone on from: answered 200, since any other status ends `EventSource` for good.
    struct Reset: Sendable, CustomTestStringConvertible {
        let id: String
        let reason: String
        /// As JSON shows the id.
        var shown: String?
        var testDescription: String { "\(reason): \(id)" }
    }

    private static let resets = [
        Reset(id: "nonsense", reason: "malformed"),
        Reset(id: "EPOCH", reason: "malformed"),
        Reset(id: "EPOCH-", reason: "malformed"),
        Reset(id: "EPOCH-1x", reason: "malformed"),
        Reset(id: "EPOCH--1", reason: "malformed"),
        Reset(id: "EPOCH-99999999999999999999", reason: "malformed"),
        Reset(id: "EPOCH-9223372036854775808", reason: "malformed"),
        Reset(id: "Abc-1", reason: "malformed"),
        Reset(id: "abcdefghijklmnopq-1", reason: "malformed"),
        Reset(id: "a\"b\\c", reason: "malformed", shown: "a\\\"b\\\\c"),
        Reset(id: "otherone-1", reason: "unknown-epoch"),
        Reset(id: "otherone-0", reason: "unknown-epoch"),
        Reset(id: "EPOCH-3", reason: "future"),
        Reset(id: "EPOCH-9223372036854775807", reason: "future"),
    ]

    @Test(arguments: resets, [true, false])
    func `a reset follows stream-open, and the stream goes on live`(reset: Reset, inHeader: Bool) async throws {
        try await TestServer.run { server in
            try await server.publish("1", "2")
            let id = reset.id.replacing("EPOCH", with: server.epoch)
            let encoded = id.replacing("\"", with: "%22").replacing("\\", with: "%5C")
            let stream = try await server.stream(
                "/groups/test-group/events?since=all" + (inHeader ? "" : "&last_event_id=\(encoded)"),
                inHeader ? ["Last-Event-ID: \(id)"] : []
            )
            #expect(stream.head.status == 200)
            let opening = try await stream.events(2)
            #expect(
                opening == [
                    openEvent(at: server.id(2)),
                    resetEvent(at: server.id(2), reset.reason, requested: reset.shown ?? id),
                ]
            )
            try await server.publish("3")
            #expect(try await stream.event() == .init(id: server.id(3), data: "3"))
        }
    }

    @Test func `since with an id of another database is a reset, not 400`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream("/groups/test-group/events?since=otherone-7")
            #expect(try await stream.event() == openEvent(at: server.id(0)))
            #expect(try await stream.event() == resetEvent(at: server.id(0), "unknown-epoch", requested: "otherone-7"))
        }
    }

    @Test func `after a removal all that is left follows`() async throws {
        try await TestServer.run { server in
            try await server.publish("1", "2", "3", "4", "5")
            try await server.log.store.remove(GroupName("test-group"), through: 3)
            let stream = try await server.stream("/groups/test-group/events", ["Last-Event-ID: \(server.id(1))"])
            #expect(try await stream.event() == openEvent(at: server.id(3)))
            let reset = resetEvent(at: server.id(3), "expired", requested: server.id(1), oldest: server.id(4))
            #expect(try await stream.event() == reset)
            #expect(try await stream.events(2).map(\.data) == ["4", "5"])
            // Who stands behind the removal misses nothing.
            let other = try await server.stream("/groups/test-group/events", ["Last-Event-ID: \(server.id(3))"])
            #expect(try await other.event() == openEvent(at: server.id(3), resumed: true))
            #expect(try await other.events(2).map(\.data) == ["4", "5"])
        }
    }

    @Test func `a long replay comes whole and in order, with what is published meanwhile`() async throws {
        try await TestServer.run { server in
            let texts = (1...2500).map { "\($0)" }
            for text in texts.prefix(2400) { try await server.publish(text) }
            let stream = try await server.stream("/groups/test-group/events?since=all")
            async let published: Void = {
                for text in texts.suffix(100) { try await server.publish(text) }
            }()
            _ = try await stream.event()
            #expect(try await stream.events(2500).map(\.data) == texts)
            try await published
        }
    }
}
