import NIOCore

/// Reads what a WebSocket's client sends: bytes in, messages and control frames out. A pure state machine, and a strict
/// one (RFC 6455 §5): what no client may send is refused at the first byte that shows it.
///
/// SwiftNIO's decoder gives a frame out once it is whole, so text that is not UTF-8 would be found only at the end of its
/// frame, and a frame that may not come would be read to its end. It is the peer in the tests instead.
struct FrameReader {
    enum Event: Equatable {
        case text(ByteBuffer)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong
        /// Nil for a close that says no code.
        case close(CloseCode?)
    }

    /// A frame whose header has come.
    private struct Frame {
        let opcode: SocketFrame.Opcode
        let isLast: Bool
        let length: Int
        let mask: UInt32
        /// How much of its payload has been read.
        var read = 0
    }

    /// The longest message, in bytes.
    private let maximumMessageBytes: Int
    private let acceptsBinary: Bool
    /// What has come and was not read.
    private var input = ByteBuffer()
    private var frame: Frame?
    /// The payload of a control frame.
    private var control = ByteBuffer()
    /// Nil between messages.
    private var messageOpcode: SocketFrame.Opcode?
    private var message = ByteBuffer()
    private var utf8 = UTF8Check()
    /// Whole messages so far.
    private(set) var messages = 0

    init(maximumMessageBytes: Int, acceptsBinary: Bool) {
        (self.maximumMessageBytes, self.acceptsBinary) = (maximumMessageBytes, acceptsBinary)
    }

    /// Bytes that have come: of a message that is not whole, and what was not read.
    var heldBytes: Int { input.readableBytes + message.readableBytes }
    /// The memory that they take, in bytes.
    var memoryBytes: Int { input.readableBytes + message.capacity }
    /// The memory that a message begins with, in bytes.
    static let firstBytes = 4 << 10

    mutating func feed(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 { input = bytes } else { input.writeImmutableBuffer(bytes) }
    }

    /// What comes next; nil until more bytes come.
    ///
    /// - Throws: ``FrameFault``. Nothing can be read after it.
    mutating func next() throws(FrameFault) -> Event? {
        while true {
            var frame: Frame
            if let begun = self.frame {
                frame = begun
            } else if let next = try readHeader() {
                frame = next
            } else {
                forgetRead()
                return nil
            }
            let count = min(frame.length - frame.read, input.readableBytes)
            try readPayload(of: frame, count)
            frame.read += count
            guard frame.read == frame.length else {
                self.frame = frame
                forgetRead()
                return nil
            }
            self.frame = nil
            if let event = try finish(frame) { return event }
        }
    }

    /// What was read from the connection at once lies in one piece of memory, which a few bytes would keep.
    private mutating func forgetRead() {
        input = input.compact
    }

    // MARK: The header

    private mutating func readHeader() throws(FrameFault) -> Frame? {
        guard let (first, second) = input.getMultipleIntegers(at: input.readerIndex, as: (UInt8, UInt8).self) else {
            if let first = input.getInteger(at: input.readerIndex, as: UInt8.self) { _ = try check(first) }
            return nil
        }
        let opcode = try check(first)
        let isLast = first & 0x80 != 0
        guard second & 0x80 != 0 else { throw FrameFault(.protocolError, "frames of a client are masked") }
        guard let (length, lengthBytes) = try readLength(second & 0x7F, opcode) else { return nil }
        try checkSize(length, opcode)
        let start = input.readerIndex + 2 + lengthBytes
        guard let mask = input.getInteger(at: start, endianness: .little, as: UInt32.self) else { return nil }
        input.moveReaderIndex(to: start + 4)
        if !opcode.isControl, opcode != .continuation { messageOpcode = opcode }
        return Frame(opcode: opcode, isLast: isLast, length: length, mask: mask)
    }

    /// The first byte of a frame.
    private func check(_ first: UInt8) throws(FrameFault) -> SocketFrame.Opcode {
        guard first & 0x70 == 0 else { throw FrameFault(.protocolError, "reserved bits without an extension") }
        guard let opcode = SocketFrame.Opcode(rawValue: first & 0x0F) else {
            throw FrameFault(.protocolError, "reserved opcode")
        }
        let isLast = first & 0x80 != 0
        switch opcode {
        case .close, .ping, .pong:
            guard isLast else { throw FrameFault(.protocolError, "control frames come whole") }
        case .continuation:
            guard messageOpcode != nil else { throw FrameFault(.protocolError, "nothing to continue") }
        case .text, .binary:
            guard messageOpcode == nil else { throw FrameFault(.protocolError, "a message is not finished") }
            guard opcode == .text || acceptsBinary else { throw FrameFault(.unsupportedData, "text only") }
        }
        return opcode
    }

    /// The length of the payload, and how many bytes say so beside the first; nil until they have come.
    private func readLength(
        _ short: UInt8,
        _ opcode: SocketFrame.Opcode
    ) throws(FrameFault) -> (length: Int, bytes: Int)? {
        guard !opcode.isControl || short <= SocketFrame.longestControl else {
            throw FrameFault(.protocolError, "control frames have at most 125 bytes")
        }
        let place = input.readerIndex + 2
        switch short {
        case 126:
            guard let length = input.getInteger(at: place, as: UInt16.self) else { return nil }
            guard length > 125 else { throw FrameFault(.protocolError, "a length in more bytes than it needs") }
            return (Int(length), 2)
        case 127:
            guard let length = input.getInteger(at: place, as: UInt64.self) else { return nil }
            guard length > 0xFFFF else { throw FrameFault(.protocolError, "a length in more bytes than it needs") }
            guard let length = Int(exactly: length) else { throw FrameFault(.protocolError, "no such length") }
            return (length, 8)
        default:
            return (Int(short), 0)
        }
    }

    private func checkSize(_ length: Int, _ opcode: SocketFrame.Opcode) throws(FrameFault) {
        guard opcode.isControl || length <= maximumMessageBytes - message.readableBytes else {
            throw FrameFault(.tooBig, "at most \(maximumMessageBytes) bytes")
        }
    }

    // MARK: The payload

    private mutating func readPayload(of frame: Frame, _ count: Int) throws(FrameFault) {
        guard count > 0, let masked = input.readSlice(length: count) else { return }
        guard !frame.opcode.isControl else { return control.write(masked, unmaskedWith: frame.mask, from: frame.read) }
        let start = message.writerIndex
        // What is announced is not yet there, and may never come: the memory grows as bytes do.
        if frame.read == 0 {
            message.reserveCapacity(minimumWritableBytes: min(frame.length, max(count, Self.firstBytes)))
        }
        message.write(masked, unmaskedWith: frame.mask, from: frame.read)
        guard messageOpcode == .text else { return }
        var check = utf8
        let place = start - message.readerIndex
        let isText = message.withUnsafeReadableBytes { check.take(UnsafeRawBufferPointer(rebasing: $0[place...])) }
        utf8 = check
        guard isText else { throw FrameFault(.invalidData, "the text is not UTF-8") }
    }

    private mutating func finish(_ frame: Frame) throws(FrameFault) -> Event? {
        guard !frame.opcode.isControl else {
            defer { control = ByteBuffer() }
            switch frame.opcode {
            case .ping: return .ping(control)
            case .pong: return .pong
            default: return .close(try Self.closeCode(control))
            }
        }
        guard frame.isLast, let opcode = messageOpcode else { return nil }
        guard opcode == .binary || utf8.isComplete else { throw FrameFault(.invalidData, "the text is not UTF-8") }
        defer {
            messageOpcode = nil
            message = ByteBuffer()
            messages += 1
        }
        return opcode == .text ? .text(message) : .binary(message)
    }

    /// - Throws: ``FrameFault``: one byte, a code that nobody may send, a reason that is not UTF-8 (§5.5.1).
    private static func closeCode(_ payload: ByteBuffer) throws(FrameFault) -> CloseCode? {
        guard payload.readableBytes > 0 else { return nil }
        guard let number = payload.getInteger(at: payload.readerIndex, as: UInt16.self) else {
            throw FrameFault(.protocolError, "a close code has two bytes")
        }
        let code = CloseCode(number: number)
        guard code.mayBeSent else { throw FrameFault(.protocolError, "no such close code") }
        var utf8 = UTF8Check()
        let isText = payload.withUnsafeReadableBytes { utf8.take(UnsafeRawBufferPointer(rebasing: $0[2...])) }
        guard isText, utf8.isComplete else { throw FrameFault(.invalidData, "the reason is not UTF-8") }
        return code
    }
}

extension ByteBuffer {
    /// Writes masked bytes as they were before (RFC 6455 §5.3), eight at a time.
    ///
    /// - Parameters:
    ///   - mask: Its first byte is the lowest.
    ///   - offset: Where in the payload they stand.
    fileprivate mutating func write(_ masked: ByteBuffer, unmaskedWith mask: UInt32, from offset: Int) {
        let shift = UInt32(offset % 4 * 8)
        let turned = shift == 0 ? mask : mask >> shift | mask << (32 - shift)
        let wide = UInt64(turned) << 32 | UInt64(turned)
        masked.withUnsafeReadableBytes { source in
            _ = writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { target in
                var index = 0
                while index + 8 <= source.count {
                    let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian ^ wide
                    target.storeBytes(of: word.littleEndian, toByteOffset: index, as: UInt64.self)
                    index += 8
                }
                while index < source.count {
                    target[index] = source[index] ^ UInt8(truncatingIfNeeded: turned >> UInt32(index % 4 * 8))
                    index += 1
                }
                return source.count
            }
        }
    }
}
