import Broker
import NIOCore
import Testing

@testable import Gateway

/// The first bytes of a stream, to the letter.
struct StreamPreambleTests {
    private func id(_ sequence: Int64) throws -> MessageID { try MessageID("k7f2q9-\(sequence)") }

    @Test func `stream-open says the groups and the position`() throws {
        let preamble = StreamPreamble(
            groups: [try GroupName("my-group"), try GroupName("a.b_c")],
            position: try id(1042),
            resumed: false,
            reset: nil
        )
        #expect(
            String(buffer: preamble.payload(retryMilliseconds: 2873)) == """
                retry: 2873
                event: stream-open
                id: k7f2q9-1042
                data: {"groups":["my-group","a.b_c"],"resumed":false}


                """
        )
    }

    @Test func `stream-reset follows with the same position`() throws {
        let preamble = StreamPreamble(
            groups: [try GroupName("g")],
            position: try id(10),
            resumed: true,
            reset: .init(reason: .expired, requested: "k7f2q9-3", oldest: try id(10))
        )
        #expect(
            String(buffer: preamble.payload(retryMilliseconds: 1)) == """
                retry: 1
                event: stream-open
                id: k7f2q9-10
                data: {"groups":["g"],"resumed":true}

                id: k7f2q9-10
                event: stream-reset
                data: {"reason":"expired","requested":"k7f2q9-3","oldest":"k7f2q9-10"}


                """
        )
    }

    @Test(arguments: ["a\r\nid: x\n\ndata: forged\n\n", "\"}\u{0}\u{1}\\", "\u{2028}\u{85}", "ü😀", ""])
    func `what the client asked for cannot break out`(requested: String) throws {
        let reset = StreamPreamble.Reset(reason: .malformed, requested: requested, oldest: nil)
        var parser = EventParser()
        parser.feed(StreamPreamble.payload(of: reset, at: try id(5)).readableBytesView)
        let events = parser.takeEvents()
        #expect(events.map(\.event) == ["stream-reset"])
        let data = try Message(text: try #require(events.first).data).json(as: [String: String?].self)
        #expect(data["requested"] == requested)
        #expect(data["reason"] == "malformed")
        #expect(data["oldest"] == .some(nil))
    }

    @Test(
        arguments: [
            (.expired, "expired"), (.unknownEpoch, "unknown-epoch"), (.future, "future"), (.malformed, "malformed"),
        ] as [(StreamPreamble.ResetReason, String)]
    )
    func `reasons are spelled as the protocol has them`(reason: StreamPreamble.ResetReason, text: String) {
        #expect(reason.rawValue == text)
    }
}
