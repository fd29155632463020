public import NIOCore

/// Reads an event stream (`text/event-stream`) as WHATWG HTML §9.2.5 and §9.2.6 define it, from bytes in any pieces.
///
/// Feed it what came, then take elements until there are none:
///
/// ```swift
/// parser.feed(chunk)
/// while let element = try parser.next() { … }
/// ```
///
/// A plain value without IO. Memory is bounded by what was fed and not yet taken, plus ``maximumEventSize``.
public struct ServerSentEventParser: Sendable {
    /// What a stream holds.
    public enum Element: Hashable, Sendable {
        /// An event; comes with the blank line that ends it, never earlier.
        case event(ServerSentEvent)
        /// A line that begins with a colon, without the colon: servers send them to keep a connection open.
        case comment(String)
        /// The `retry` field: how many milliseconds to wait before reconnecting. Comes at once, not with an event.
        case retry(milliseconds: Int64)
    }

    /// The most bytes that one event or one line may take before the parser gives up, 16 MiB unless told otherwise.
    ///
    /// A message of the server's default limit of 1 MiB takes at most 6 MiB in the JSON of an envelope.
    public let maximumEventSize: Int
    /// The id to resume from (§9.2.6: it is committed by the blank line, also where the event had no data).
    public private(set) var lastEventID = ""

    private var input = ByteBuffer()
    /// How many readable bytes hold no line end: they are not searched twice when a long line comes in small pieces.
    private var searched = 0
    private var mayBeginWithByteOrderMark = true
    /// The last line ended at CR: an LF that comes next belongs to it, and may come in a later piece.
    private var skipsLineFeed = false
    private var failure: NotifyClientError?

    private var idBuffer = ""
    private var eventBuffer = ""
    private var dataBuffer = ""
    private var hasData = false

    /// - Parameter maximumEventSize: The most bytes that one event or one line may take.
    public init(maximumEventSize: Int = 16 * 1024 * 1024) {
        self.maximumEventSize = maximumEventSize
    }

    /// Takes the next bytes of the stream; they are parsed by ``next()``.
    public mutating func feed(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.discardReadBytes()
            input.writeImmutableBuffer(bytes)
        }
    }

    /// Takes the next bytes of the stream; they are parsed by ``next()``.
    public mutating func feed(_ bytes: some Sequence<UInt8>) {
        guard failure == nil else { return }
        input.discardReadBytes()
        input.writeBytes(bytes)
    }

    /// The next element of what was fed, nil when more bytes are needed.
    ///
    /// - Throws: ``NotifyClientError`` with the code `eventTooLarge`, then and at every later call.
    public mutating func next() throws(NotifyClientError) -> Element? {
        if let failure { throw failure }
        while let line = try nextLine() {
            if let element = interpret(line) { return element }
            try check(line: 0)
        }
        return nil
    }

    /// A line without its end. A CR ends the line at once: waiting for a possible LF would hold an event back.
    private mutating func nextLine() throws(NotifyClientError) -> ByteBufferView? {
        guard skipWhatPrecedesLine() else { return nil }
        let bytes = input.readableBytesView
        guard let length = Self.lengthOfLine(in: bytes, from: searched) else {
            searched = bytes.count
            try check(line: searched)
            return nil
        }
        let line = bytes.prefix(length)
        skipsLineFeed = bytes[line.endIndex] == UInt8(ascii: "\r")
        input.moveReaderIndex(forwardBy: length + 1)
        searched = 0
        try check(line: line.count)
        return line
    }

    /// How many bytes come before the first line end. One pass for both kinds: searching for each by itself would look at
    /// everything again for every line of a stream that has only the other kind.
    private static func lengthOfLine(in bytes: ByteBufferView, from start: Int) -> Int? {
        bytes.withUnsafeBytes { bytes in
            var index = start
            while index < bytes.count {
                if bytes[index] == UInt8(ascii: "\n") || bytes[index] == UInt8(ascii: "\r") { return index }
                index += 1
            }
            return nil
        }
    }

    /// Drops the byte order mark (§9.2.5) and the LF of a CRLF; false while it is not known whether they are there.
    private mutating func skipWhatPrecedesLine() -> Bool {
        if mayBeginWithByteOrderMark {
            let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
            let beginning = input.readableBytesView.prefix(mark.count)
            if beginning.elementsEqual(mark.prefix(beginning.count)) {
                guard beginning.count == mark.count else { return false }
                input.moveReaderIndex(forwardBy: mark.count)
            }
            mayBeginWithByteOrderMark = false
        }
        if skipsLineFeed, let first = input.readableBytesView.first {
            skipsLineFeed = false
            if first == UInt8(ascii: "\n") { input.moveReaderIndex(forwardBy: 1) }
        }
        return input.readableBytes > 0
    }

    private mutating func check(line: Int) throws(NotifyClientError) {
        guard line + dataBuffer.utf8.count + eventBuffer.utf8.count + idBuffer.utf8.count > maximumEventSize else {
            return
        }
        let error = NotifyClientError(
            .eventTooLarge,
            "The stream holds an event of more than \(maximumEventSize) bytes: raise the client's maximumEventSize, or "
                + "publish smaller messages."
        )
        failure = error
        input = ByteBuffer()
        throw error
    }
}

extension ServerSentEventParser {
    /// §9.2.6, "process the field".
    private mutating func interpret(_ line: ByteBufferView) -> Element? {
        guard !line.isEmpty else { return dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let name = line[..<(colon ?? line.endIndex)]
        var value = colon.map { line[($0 + 1)...] } ?? line[line.endIndex...]
        guard !name.isEmpty else { return .comment(String(decoding: value, as: UTF8.self)) }
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }

        if name.elementsEqual("data".utf8) {
            if hasData { dataBuffer.append("\n") }
            dataBuffer.append(String(decoding: value, as: UTF8.self))
            hasData = true
        } else if name.elementsEqual("event".utf8) {
            eventBuffer = String(decoding: value, as: UTF8.self)
        } else if name.elementsEqual("id".utf8) {
            if !value.contains(0) { idBuffer = String(decoding: value, as: UTF8.self) }
        } else if name.elementsEqual("retry".utf8) {
            return retry(value)
        }
        return nil
    }

    private func retry(_ value: ByteBufferView) -> Element? {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard !value.isEmpty, value.allSatisfy({ digits.contains($0) }) else { return nil }
        // Digits that overflow are still a number by the standard: a very long wait.
        return .retry(milliseconds: Int64(String(decoding: value, as: UTF8.self)) ?? .max)
    }

    private mutating func dispatch() -> Element? {
        lastEventID = idBuffer
        defer {
            eventBuffer = ""
            dataBuffer = ""
            hasData = false
        }
        guard hasData else { return nil }
        return .event(
            ServerSentEvent(id: idBuffer, event: eventBuffer.isEmpty ? "message" : eventBuffer, data: dataBuffer)
        )
    }
}
