import Testing

/// The parser that the other tests rely on: the examples of WHATWG HTML §9.2.6, and line ends.
struct EventParserTests {
    private func events(_ text: String) -> [EventParser.Event] {
        var parser = EventParser(keepsItems: true)
        parser.feed(text.utf8)
        return parser.takeItems().compactMap { item in
            if case .event(let event) = item { event } else { nil }
        }
    }

    @Test func `reads the examples of the standard`() {
        #expect(events("data: YHOO\ndata: +2\ndata: 10\n\n") == [.init(data: "YHOO\n+2\n10")])
        #expect(
            events(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n")
                == [
                    .init(id: "1", data: "first event"), .init(id: "", data: "second event"),
                    .init(data: " third event"),
                ]
        )
        #expect(events("data\n\ndata\ndata\n\ndata:") == [.init(data: ""), .init(data: "\n")])
        #expect(events("data:test\n\ndata: test\n\n") == [.init(data: "test"), .init(data: "test")])
    }

    @Test func `lines end with CR, LF and CRLF`() {
        #expect(
            events("data: a\r\rdata: b\r\n\r\nevent: e\rdata: c\u{2028}\n\n").map(\.data) == ["a", "b", "c\u{2028}"]
        )
    }

    @Test func `an event name without data is dropped`() {
        #expect(events("event: a\n\ndata: x\n\n") == [.init(data: "x")])
    }
}
