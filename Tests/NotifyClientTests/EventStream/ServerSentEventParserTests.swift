import NIOCore
import NotifyClient
import Testing

/// WHATWG HTML §9.2.5, §9.2.6. The examples of the standard are among them.
struct ServerSentEventParserTests {
    typealias Element = ServerSentEventParser.Element

    static func parse(_ pieces: [[UInt8]], limit: Int = 1 << 20) throws -> [Element] {
        var parser = ServerSentEventParser(maximumEventSize: limit)
        var elements: [Element] = []
        for piece in pieces {
            parser.feed(ByteBuffer(bytes: piece))
            while let element = try parser.next() { elements.append(element) }
        }
        return elements
    }

    static func parse(_ text: String) throws -> [Element] {
        try parse([Array(text.utf8)])
    }

    static func event(_ data: String, id: String = "", event: String = "message") -> Element {
        .event(ServerSentEvent(id: id, event: event, data: data))
    }

    @Test(
        arguments: [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", [event("YHOO\n+2\n10")]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                [.comment(" test stream"), event("first event", id: "1"), event("second event"), event(" third event")]
            ),
            ("data\n\ndata\ndata\n\ndata:", [event(""), event("\n")]),
            ("data:test\n\ndata: test\n\n", [event("test"), event("test")]),
            ("event: greeting\ndata: a\n\ndata: b\n\n", [event("a", event: "greeting"), event("b")]),
            ("event: lost\n\ndata: b\n\n", [event("b")]),
            ("event:\ndata: a\n\n", [event("a")]),
            ("unknown: x\nDATA: y\n data: z\ndata: a\n\n", [event("a")]),
            ("data: a:b: c\n\n", [event("a:b: c")]),
            ("data: never dispatched\n", []),
            (":\n:\n", [.comment(""), .comment("")]),
            ("data: \u{2028}\u{85}\u{0B}\n\n", [event("\u{2028}\u{85}\u{0B}")]),
        ] as [(String, [Element])]
    )
    func reads(text: String, elements: [Element]) throws {
        #expect(try Self.parse(text) == elements)
    }

    @Test func `line ends are CR, LF and CRLF, mixed`() throws {
        #expect(
            try Self.parse("data: a\r\rdata: b\r\n\r\ndata: c\n\ndata: d\r\n\rdata: e\n\r")
                == ["a", "b", "c", "d", "e"].map { Self.event($0) }
        )
    }

    @Test func `an event that ends with CR does not wait for an LF`() throws {
        var parser = ServerSentEventParser()
        parser.feed(Array("data: a\r\r".utf8))
        #expect(try parser.next() == Self.event("a"))
        parser.feed(Array("\ndata: b\n".utf8))
        #expect(try parser.next() == nil)
        parser.feed(Array("\n".utf8))
        #expect(try parser.next() == Self.event("b"))
    }

    @Test func `the last id stays, an empty one clears it, one with NUL is ignored`() throws {
        #expect(
            try Self.parse("id: 1\ndata: a\n\ndata: b\n\nid: 2\u{0}\ndata: c\n\nid:\ndata: d\n\n")
                == [Self.event("a", id: "1"), Self.event("b", id: "1"), Self.event("c", id: "1"), Self.event("d")]
        )
    }

    @Test func `an id without data is committed by the blank line, and not before`() throws {
        var parser = ServerSentEventParser()
        parser.feed(Array("id: 7\n".utf8))
        #expect(try parser.next() == nil)
        #expect(parser.lastEventID == "")
        parser.feed(Array("\n".utf8))
        #expect(try parser.next() == nil)
        #expect(parser.lastEventID == "7")
    }

    @Test(arguments: [
        ("retry: 2873\n", Element.retry(milliseconds: 2873)),
        ("retry:0\n", .retry(milliseconds: 0)),
        ("retry: 99999999999999999999\n", .retry(milliseconds: .max)),
        ("retry: 1s\n", nil), ("retry: -1\n", nil), ("retry: ١\n", nil), ("retry:\n", nil), ("retry\n", nil),
        ("retry: 1.5\n", nil), ("retry:  1\n", nil),
    ])
    func retry(text: String, element: Element?) throws {
        #expect(try Self.parse(text) == (element.map { [$0] } ?? []))
    }

    @Test func `one byte order mark is skipped, and only at the beginning`() throws {
        #expect(try Self.parse("\u{FEFF}data: a\n\n") == [Self.event("a")])
        #expect(try Self.parse("\u{FEFF}\u{FEFF}data: a\n\n") == [])
        #expect(try Self.parse("data: a\n\u{FEFF}data: b\n\n") == [Self.event("a")])
        #expect(try Self.parse([[0xEF], [0xBB], [0xBF], Array("data: a\n\n".utf8)]) == [Self.event("a")])
        #expect(try Self.parse([[0xEF, 0xBB], Array("data: a\n\ndata: b\n\n".utf8)]) == [Self.event("b")])
    }

    @Test func `bytes that are not UTF-8 are replaced`() throws {
        #expect(try Self.parse([Array("data: ".utf8) + [0xFF] + Array("\n\n".utf8)]) == [Self.event("\u{FFFD}")])
    }

    private static let mixed =
        "\u{FEFF}retry: 2000\r\nevent: stream-open\r\nid: e-1\r\ndata: {}\r\n\r\n: beat\r\rid: e-2\rdata: ä🦊\u{2028}\r"
        + "data\rdata:  x\r\r\nevent: é\ndata: z\n\n"

    @Test func `byte by byte is the same`() throws {
        let bytes = Array(Self.mixed.utf8)
        let whole = try Self.parse([bytes])
        #expect(whole.count == 5)
        #expect(try Self.parse(bytes.map { [$0] }) == whole)
    }

    @Test func `split at every two points is the same`() throws {
        let bytes = Array(Self.mixed.utf8)
        let whole = try Self.parse([bytes])
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let pieces = [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
                #expect(try Self.parse(pieces) == whole, "split at \(first) and \(second)")
            }
        }
    }

    @Test func `random bytes of the grammar are the same in any pieces`() throws {
        var random = SystemRandomNumberGenerator()
        let words = ["data", "id", "event", "retry", ":", " ", "\r", "\n", "\r\n", "\u{0}", "1", "é", "\u{FEFF}"]
        for _ in 0..<300 {
            let bytes = (0..<60).flatMap { _ in Array((words.randomElement(using: &random) ?? "").utf8) }
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = Int.random(in: 1...7, using: &random)
                pieces.append(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            #expect(try Self.parse(pieces) == Self.parse([bytes]), "\(bytes)")
        }
    }

    @Test(arguments: [
        "data: " + String(repeating: "x", count: 2000),
        String(repeating: "data: xxxxxxxxxxxxxxxxxxxx\n", count: 100),
        String(repeating: "data\n", count: 2000),
        String(repeating: "x", count: 2000),
        ": " + String(repeating: "x", count: 2000) + "\n",
        "id: " + String(repeating: "x", count: 600) + "\nevent: " + String(repeating: "x", count: 600) + "\n",
    ])
    func `an event over the limit is an error, in one piece and byte by byte`(text: String) {
        for pieces in [[Array(text.utf8)], text.utf8.map { [$0] }] {
            #expect { try Self.parse(pieces, limit: 1000) } throws: { error in
                (error as? NotifyClientError)?.code == .eventTooLarge
            }
        }
    }

    @Test func `what came before an event over the limit is delivered, and the error stays`() throws {
        var parser = ServerSentEventParser(maximumEventSize: 100)
        parser.feed(Array(("data: a\n\ndata: " + String(repeating: "x", count: 200)).utf8))
        #expect(try parser.next() == Self.event("a"))
        for _ in 0..<2 {
            #expect(throws: NotifyClientError.self) { try parser.next() }
            parser.feed(Array("\n\ndata: b\n\n".utf8))
        }
    }

    @Test func `many events pass under a small limit`() throws {
        let text = String(repeating: "data: 0123456789\n\n", count: 1000)
        #expect(try Self.parse([Array(text.utf8)], limit: 40).count == 1000)
    }
}
