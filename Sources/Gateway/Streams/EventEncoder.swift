import Broker
import NIOCore

/// How a stream's bytes look; streams of the same groups and style share them.
struct StreamStyle: Hashable, Sendable {
    let format: EventFormat
    let framing: Framing

    /// Of the subscriptions of WebSockets: ``SocketMessage``.
    static let socket = StreamStyle(format: .envelope, framing: .webSocket)

    /// A message in this style.
    func encode(_ message: Message) -> ByteBuffer {
        if framing == .webSocket { return SocketMessage.encode(message) }
        return framing.reframe(chunk: EventEncoder.encode(message, as: format))
    }

    /// Encodings of another revision do not hold any more.
    var revision: Int {
        if case .composed(let composition) = format { composition.composer.revision } else { 0 }
    }

    /// The server's own events in this style.
    func frame(_ payload: ByteBuffer) -> ByteBuffer {
        framing.frame(payload)
    }
}

/// How the data of an event stream's messages looks.
enum EventFormat: Hashable, Sendable {
    /// The message's data as it is.
    case plain
    /// The message as a JSON object: for streams of several groups.
    case envelope
    /// The same with the trace of its publish, where it has one.
    case tracedEnvelope
    /// NDJSON: each message is a JSON object on a line of its own, and no event of an event stream.
    case lines
    /// The form that an application gives it.
    case composed(Composition)
}

/// The encoding of messages as server-sent events (WHATWG HTML §9.2.5), each in one HTTP/1.1 chunk (RFC 9112 §7.1).
///
/// Chunk framing is part of the encoding so that the same bytes go to every connection; where there are no chunks,
/// ``Framing/reframe(chunk:)`` cuts the payload out without copying.
enum EventEncoder {
    /// A message, encoded once per format whoever asks. What an application composes may change, and is kept by those who
    /// share it instead.
    static func encode(_ message: Message, as format: EventFormat) -> ByteBuffer {
        switch format {
        case .plain: message.forms.form(0) { chunk(of: message, as: format) }
        case .envelope: message.forms.form(1) { chunk(of: message, as: format) }
        // Few messages have a trace, and few streams ask: those that do share it in a delivery, and no message keeps it.
        case .tracedEnvelope:
            message.trace == nil ? encode(message, as: .envelope) : chunk(of: message, as: format)
        case .lines: message.forms.form(2) { line(of: message) }
        case .composed: chunk(of: message, as: format)
        }
    }

    private static func line(of message: Message) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.reserveCapacity(message.data.readableBytes + 200)
        payload.writeJSON(message)
        payload.writeString("\n")
        return Chunk.framed(payload)
    }

    private static func chunk(of message: Message, as format: EventFormat) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.reserveCapacity(message.data.readableBytes + message.event.utf8.count + 64)
        if let id = message.id { payload.writeString("id: \(id)\n") }
        switch format {
        case .plain:
            payload.writeEventLine(message.event)
            payload.writeDataLines(message.data)
        case .envelope, .tracedEnvelope, .lines:
            payload.writeEventLine(message.event)
            payload.writeString("data: ")
            payload.writeJSON(message, trace: format == .tracedEnvelope ? message.trace : nil)
            payload.writeString("\n")
        case .composed(let composition):
            guard let event = composition.composer.compose(message) else { return Chunk.framed(position(of: message)) }
            payload.writeEventLine(event.event)
            payload.writeDataLines(event.data)
        }
        payload.writeString("\n")
        return Chunk.framed(payload)
    }

    /// An event of a program's own. Like a message's, but for an id that the program has chosen.
    static func encode(_ event: ServerSentEvent) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(event.data.readableBytes + event.event.utf8.count + 64)
        if let id = event.id { bytes.writeField("id: ", id) }
        bytes.writeEventLine(event.event)
        bytes.writeDataLines(event.data)
        bytes.writeString("\n")
        return bytes
    }

    /// An event without data moves the client's cursor and is not seen.
    private static func position(of message: Message) -> ByteBuffer {
        ByteBuffer(string: message.id.map { "id: \($0)\n\n" } ?? ":\n\n")
    }
}

extension ByteBuffer {
    fileprivate mutating func writeEventLine(_ event: String) {
        if event != Message.defaultEvent { writeField("event: ", event) }
    }

    /// A draft's event name holds no line end and no NUL; a message that a program sends through the channel layer may, and
    /// must not end the field: there U+FFFD stands for each of them.
    fileprivate mutating func writeField(_ name: StaticString, _ value: String) {
        writeStaticString(name)
        if value.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0 }) {
            let isUnsafe: (Unicode.Scalar) -> Bool = { $0 == "\n" || $0 == "\r" || $0 == "\0" }
            writeString(String(String.UnicodeScalarView(value.unicodeScalars.map { isUnsafe($0) ? "\u{FFFD}" : $0 })))
        } else {
            writeString(value)
        }
        writeInteger(0x0A as UInt8)
    }

    /// Splits data at CRLF, CR and LF, and at nothing else, into `data:` lines. On bytes: a Swift `Character` may be CRLF,
    /// and `isNewline` also takes U+0085, U+2028 and U+2029, which do not end a line here.
    fileprivate mutating func writeDataLines(_ data: ByteBuffer) {
        data.withUnsafeReadableBytes { bytes in
            var start = 0
            var index = 0
            func isEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
            while true {
                while index < bytes.count, !isEnd(bytes[index]) { index += 1 }
                writeString("data: ")
                writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
                writeInteger(0x0A as UInt8)
                guard index < bytes.count else { return }
                let isCRLF = bytes[index] == 0x0D && index + 1 < bytes.count && bytes[index + 1] == 0x0A
                index += isCRLF ? 2 : 1
                start = index
            }
        }
    }
}
