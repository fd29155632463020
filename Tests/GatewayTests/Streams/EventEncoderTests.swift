import Broker
import NIOCore
import NotifyClient
import Testing

@testable import Gateway

/// Any message in: the same message out of a parser that knows nothing of the encoder, and exactly one event.
struct EventEncoderTests {
    private static let pieces = [
        "", "\r", "\n", "\r\n", "\n\n", "\r\r", "a", " ", "  a", "\u{0}", "\u{85}", "\u{2028}", "\u{2029}", "\u{FEFF}",
        "data:", "data: x", "id:", "id: e-9", "event: stream-open", "retry: 1", ":", ": comment", "😀", "e\u{301}", "\t",
        "\u{B}\u{C}",
    ]

    private static func hostile(seed: UInt64, count: Int) -> [String] {
        var random = StreamRandom(seed: seed)
        let pairs = pieces.flatMap { first in pieces.map { first + $0 } }
        let mixed = (0..<count).map { _ in
            (0..<Int.random(in: 3...9, using: &random)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }.joined()
        }
        return pairs + mixed
    }

    /// The standard has one line end in data: LF.
    private static func normalised(_ text: String) -> String {
        var bytes: [UInt8] = []
        var followsReturn = false
        for byte in text.utf8 {
            if byte == 0x0D || (byte == 0x0A && !followsReturn) { bytes.append(0x0A) }
            if byte != 0x0D, byte != 0x0A { bytes.append(byte) }
            followsReturn = byte == 0x0D
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func encoded(_ message: Message, _ format: EventFormat = .plain) throws -> [UInt8] {
        var body = StreamBody()
        let chunk = Array(EventEncoder.encode(message, as: format).readableBytesView)
        let payload = try body.feed(Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + chunk)
        #expect(body.chunks.count == 1)
        #expect(Array(Chunk.payload(of: ByteBuffer(bytes: chunk)).readableBytesView) == payload)
        return payload
    }

    private static func message(_ text: String, event: String = "message") throws -> Message {
        let draft = try MessageDraft(group: GroupName("g"), event: event, text: text)
        return Message(id: try MessageID("e-7"), group: draft.group, event: draft.event, data: draft.data)
    }

    /// Events of the payload, between two others that must come out untouched.
    private static func parse(_ payload: [UInt8]) -> [StreamEvent] {
        var parser = EventParser()
        parser.feed(Array("id: e-1\ndata: before\n\n".utf8) + payload + Array("data: after\n\n".utf8))
        #expect(parser.unknownFields.isEmpty)
        #expect(parser.comments == 0)
        #expect(parser.retries.isEmpty)
        return parser.takeEvents()
    }

    @Test func `any data comes out as it went in`() throws {
        for text in Self.hostile(seed: 3, count: 2000) {
            let events = Self.parse(try Self.encoded(try Self.message(text)))
            let expected = [
                StreamEvent(id: "e-1", event: "message", data: "before"),
                StreamEvent(id: "e-7", event: "message", data: Self.normalised(text)),
                StreamEvent(id: "e-7", event: "message", data: "after"),
            ]
            guard events.count == 3, zip(events, expected).allSatisfy({ $0.data.utf8.elementsEqual($1.data.utf8) })
            else {
                Issue.record("\(text.debugDescription) came out as \(events)")
                continue
            }
            #expect(events == expected)
        }
    }

    @Test func `any event name comes out as it went in`() throws {
        for text in Self.pieces + Self.hostile(seed: 4, count: 300) {
            guard let message = try? Self.message("x", event: text) else { continue }
            #expect(!text.utf8.contains { $0 == 10 || $0 == 13 || $0 == 0 })
            let events = Self.parse(try Self.encoded(message))
            #expect(events.map(\.data) == ["before", "x", "after"])
            #expect(events.count == 3 && events[1].event.utf8.elementsEqual(text.utf8))
        }
    }

    @Test(arguments: ["x\ndata: forged", "x\r\rdata: forged\r\r", "x\u{0}y", "\n"])
    func `an event name that did not pass a draft cannot break out`(event: String) throws {
        // The library lets anybody send a message with any event to a group.
        let message = Message(id: try MessageID("e-7"), event: event, data: ByteBuffer(string: "x"))
        #expect(Self.parse(try Self.encoded(message)).map(\.data) == ["before", "x", "after"])
    }

    @Test func `an envelope is one line of JSON with the message in it`() throws {
        struct Envelope: Decodable {
            let id: String
            let group: String
            let event: String
            let data: String
            let created_at: String
        }
        for text in Self.hostile(seed: 5, count: 300) {
            let message = try Self.message(text, event: "ev\"\\\u{2028}")
            let events = Self.parse(try Self.encoded(message, .envelope))
            try #require(events.count == 3)
            let envelope = try Message(text: events[1].data).json(as: Envelope.self)
            #expect(envelope.data.utf8.elementsEqual(text.utf8))
            #expect(envelope.event == message.event)
            #expect(envelope.id == "e-7")
            #expect(envelope.group == "g")
            #expect(envelope.created_at == "\(message.createdAt)")
        }
    }

    @Test func `a message without an id has no id line`() throws {
        let events = Self.parse(try Self.encoded(Message(text: "x")))
        #expect(events.map(\.id) == ["e-1", "e-1", "e-1"])
    }

    @Test func `every cut of the bytes gives the same events`() throws {
        let texts = ["a\r\nb\n\rc\r\r\n\n", "\u{FEFF} 😀\r", "", "data: x\nid: y", "\u{0}"]
        var bytes: [UInt8] = []
        for text in texts { bytes += try Self.encoded(try Self.message(text, event: "ünïcode")) }
        let expected = texts.map { StreamEvent(id: "e-7", event: "ünïcode", data: Self.normalised($0)) }
        for cut in 0...bytes.count {
            let parts = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(Self.parsed(parts) == expected)
            #expect(try Self.parsedByClient(parts) == expected)
        }
        #expect(Self.parsed(bytes.map { [$0] }) == expected)
        #expect(try Self.parsedByClient(bytes.map { [$0] }) == expected)
    }

    private static func parsed(_ parts: [[UInt8]]) -> [StreamEvent] {
        var parser = EventParser()
        for part in parts { parser.feed(part) }
        return parser.takeEvents()
    }

    private static func parsedByClient(_ parts: [[UInt8]]) throws -> [StreamEvent] {
        var parser = ServerSentEventParser()
        var events: [StreamEvent] = []
        for part in parts {
            parser.feed(ByteBuffer(bytes: part))
            while let element = try parser.next() {
                guard case .event(let event) = element else { continue }
                events.append(StreamEvent(id: event.id, event: event.event, data: event.data))
            }
        }
        return events
    }

    @Test func `each format is made once`() throws {
        let message = try Self.message("x")
        let copy = message
        _ = EventEncoder.encode(message, as: .plain)
        _ = EventEncoder.encode(copy, as: .plain)
        #expect(message.forms.made == 1)
        _ = EventEncoder.encode(copy, as: .envelope)
        _ = EventEncoder.encode(message, as: .envelope)
        #expect(message.forms.made == 2)
    }
}
