import NIOCore

/// Frames of the server: never masked, never in parts (RFC 6455 §5.2).
enum SocketFrame {
    enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        /// Control frames come whole, may come within a message, and are short (§5.5).
        var isControl: Bool { rawValue >= 0x8 }
    }

    /// The longest payload of a control frame.
    static let longestControl = 125
    private static let longestHeader = 10

    static func text(_ payload: ByteBuffer) -> ByteBuffer { frame(.text, payload) }

    /// A text frame around what `write` writes, which is not copied.
    static func text(reserving capacity: Int, _ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(capacity + longestHeader)
        buffer.moveWriterIndex(to: longestHeader)
        buffer.moveReaderIndex(to: longestHeader)
        write(&buffer)
        var header = ByteBuffer()
        writeHeader(.text, buffer.readableBytes, to: &header)
        let start = longestHeader - header.readableBytes
        buffer.setBuffer(header, at: start)
        buffer.moveReaderIndex(to: start)
        return buffer
    }

    static func frame(_ opcode: Opcode, _ payload: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(payload.readableBytes + longestHeader)
        writeHeader(opcode, payload.readableBytes, to: &buffer)
        buffer.writeImmutableBuffer(payload)
        return buffer
    }

    /// - Parameter code: Nil for a frame that says none.
    static func close(_ code: CloseCode?, _ reason: String = "") -> ByteBuffer {
        var payload = ByteBuffer()
        if let code {
            payload.writeInteger(code.number)
            var text = Substring(reason)
            while text.utf8.count > longestControl - 2 { text.removeLast() }
            payload.writeSubstring(text)
        }
        return frame(.close, payload)
    }

    private static func writeHeader(_ opcode: Opcode, _ length: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ...125: buffer.writeInteger(UInt8(length))
        case ...0xFFFF: buffer.writeMultipleIntegers(126 as UInt8, UInt16(length))
        default: buffer.writeMultipleIntegers(127 as UInt8, UInt64(length))
        }
    }
}
