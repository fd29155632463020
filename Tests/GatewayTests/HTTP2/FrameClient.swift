@testable import Gateway

/// A client of HTTP/2 that writes its frames byte by byte, so that it can break every rule.
actor FrameClient {
    struct Frame: Sendable {
        let type: UInt8
        let flags: UInt8
        let stream: Int
        let payload: [UInt8]

        var endsStream: Bool { (type == 0 || type == 1) && flags & 1 != 0 }
        /// Of RST_STREAM and GOAWAY.
        var errorCode: Int? {
            switch type {
            case 3: FrameClient.number(payload.prefix(4))
            case 7: FrameClient.number(payload.dropFirst(4).prefix(4))
            default: nil
            }
        }
    }

    /// RFC 9113 §6.
    enum Kind {
        static let data: UInt8 = 0, headers: UInt8 = 1, priority: UInt8 = 2, reset: UInt8 = 3, settings: UInt8 = 4
        static let ping: UInt8 = 6, goAway: UInt8 = 7, windowUpdate: UInt8 = 8, continuation: UInt8 = 9
    }

    nonisolated let connection: RawConnection
    private var buffer: ArraySlice<UInt8> = []
    /// Whether it answers pings and settings.
    private let isPolite: Bool

    /// - Parameters:
    ///   - window: What each stream may be sent before the client allows more; nil: 65 535 bytes.
    ///   - isPolite: Whether it answers pings and settings.
    init(_ connection: RawConnection, window: Int? = nil, isPolite: Bool = true) async {
        (self.connection, self.isPolite) = (connection, isPolite)
        let settings = window.map { [0, 4] + Self.bytes($0, 4) } ?? []
        await connection.send(HTTP2Connection.preface + Self.frame(Kind.settings, payload: settings))
    }

    // MARK: Sending

    func send(_ type: UInt8, flags: UInt8 = 0, stream: Int = 0, _ payload: [UInt8] = []) async {
        await connection.send(Self.frame(type, flags: flags, stream: stream, payload: payload))
    }

    /// Sends the head of a request.
    func request(
        _ method: String,
        _ path: String,
        on stream: Int,
        _ fields: [(String, String)] = [],
        endsStream: Bool = true
    ) async {
        let block = Self.block(method, path, fields)
        await send(Kind.headers, flags: endsStream ? 0b101 : 0b100, stream: stream, block)
    }

    func allow(_ bytes: Int, on stream: Int) async {
        await send(Kind.windowUpdate, stream: stream, Self.bytes(bytes, 4))
    }

    /// Fields without any compression (RFC 7541 §6.2.2).
    static func block(_ method: String, _ path: String, _ fields: [(String, String)] = []) -> [UInt8] {
        let pseudo = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        return (pseudo + fields).flatMap { name, value in [0] + literal(name) + literal(value) }
    }

    private static func literal(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var (rest, length) = (bytes.count - 127, [UInt8(127)])
        while rest >= 128 {
            length.append(UInt8(rest % 128) | 128)
            rest /= 128
        }
        return length + [UInt8(rest)] + bytes
    }

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int = 0, payload: [UInt8]) -> [UInt8] {
        bytes(payload.count, 3) + [type, flags] + bytes(stream, 4) + payload
    }

    static func bytes(_ number: Int, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    fileprivate static func number(_ bytes: some Sequence<UInt8>) -> Int {
        bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    // MARK: Receiving

    /// The next frame; nil at the end of the connection.
    func next() async throws -> Frame? {
        while true {
            if buffer.count >= 9 {
                let head = Array(buffer.prefix(9))
                let length = Self.number(head.prefix(3))
                if buffer.count >= 9 + length {
                    let payload = Array(buffer.dropFirst(9).prefix(length))
                    buffer = buffer.dropFirst(9 + length)
                    let stream = Self.number(head.suffix(4)) & 0x7FFF_FFFF
                    let frame = Frame(type: head[3], flags: head[4], stream: stream, payload: payload)
                    if isPolite { await answer(frame) }
                    return frame
                }
            }
            let bytes = try await connection.someBytes()
            if bytes.isEmpty { return nil }
            buffer += bytes
        }
    }

    private func answer(_ frame: Frame) async {
        guard frame.flags & 1 == 0 else { return }
        if frame.type == Kind.settings { await send(Kind.settings, flags: 1) }
        if frame.type == Kind.ping { await send(Kind.ping, flags: 1, frame.payload) }
    }

    /// The next frame of this kind, those of others passed over.
    func next(_ type: UInt8, on stream: Int? = nil) async throws -> Frame? {
        while let frame = try await next() {
            if frame.type == type, stream.map({ $0 == frame.stream }) ?? true { return frame }
        }
        return nil
    }

    /// The status of the answer on a stream.
    ///
    /// The server's compressor writes it as an index of the static table, or as three digits.
    func status(on stream: Int) async throws -> Int? {
        guard let head = try await next(Kind.headers, on: stream), let first = head.payload.first else { return nil }
        let indexed: [UInt8: Int] = [0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500]
        if let status = indexed[first] { return status }
        return HuffmanDigits.number(in: head.payload)
    }

    /// What comes on a stream, until it holds a text or the stream ends.
    func text(on stream: Int, until marker: String? = nil) async throws -> String {
        var text = ""
        while marker.map({ !text.contains($0) }) ?? true, let frame = try await next() {
            guard frame.stream == stream else { continue }
            if frame.type == Kind.data { text += String(decoding: frame.payload, as: UTF8.self) }
            if frame.endsStream || frame.type == Kind.reset { break }
        }
        return text
    }

    /// What comes until the connection ends.
    func rest() async throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = try await next() { frames.append(frame) }
        return frames
    }
}

/// Three digits in the code of HPACK (RFC 7541, appendix B): 0, 1 and 2 have five bits, the others six.
enum HuffmanDigits {
    /// A literal `:status` with an indexed name at the beginning of a block.
    static func number(in block: [UInt8]) -> Int? {
        guard block.count > 2, block[0] & 0x0F != 0 || block[0] & 0x40 != 0 else { return nil }
        let length = Int(block[1] & 0x7F)
        let value = block.dropFirst(2).prefix(length)
        guard block[1] & 0x80 != 0 else { return Int(String(decoding: value, as: UTF8.self)) }
        let bits = value.flatMap { byte in (0..<8).reversed().map { byte >> $0 & 1 } }
        var (at, digits) = (0, 0)
        for _ in 0..<3 {
            guard bits.count >= at + 5 else { return nil }
            let five = bits[at..<at + 5].reduce(0) { $0 << 1 | Int($1) }
            if five < 3 {
                digits = digits * 10 + five
                at += 5
            } else {
                guard bits.count >= at + 6 else { return nil }
                digits = digits * 10 + (five << 1 | Int(bits[at + 5])) - 0x19 + 3
                at += 6
            }
        }
        return digits
    }
}
