import NIOCore

/// How the parts of a body whose length nobody knows are told apart on the wire.
enum Framing: Hashable, Sendable {
    /// Bytes as they are: the body ends with the connection (HTTP/1.0), or the transport has frames of its own (HTTP/2).
    case plain
    /// Each part is a chunk (RFC 9112 §7.1).
    case chunked
    /// Each part is the text of a WebSocket (RFC 6455 §5.6): no body of HTTP any more.
    case webSocket

    /// One part of a body.
    func frame(_ payload: ByteBuffer) -> ByteBuffer {
        switch self {
        case .plain: payload
        case .chunked: Chunk.framed(payload)
        case .webSocket: SocketFrame.text(payload)
        }
    }

    /// A part of a body that was framed as a chunk, shared by all wires.
    func reframe(chunk: ByteBuffer) -> ByteBuffer {
        switch self {
        case .plain: Chunk.payload(of: chunk)
        case .chunked: chunk
        case .webSocket: SocketFrame.text(Chunk.payload(of: chunk))
        }
    }

    /// The bytes that end the body; nil where the transport ends it.
    var end: ByteBuffer? {
        switch self {
        case .plain, .webSocket: nil
        case .chunked: Chunk.last
        }
    }
}

/// Chunks of HTTP/1.1 (RFC 9112 §7.1).
enum Chunk {
    /// One chunk that holds the payload.
    static func framed(_ payload: ByteBuffer) -> ByteBuffer {
        let length = String(payload.readableBytes, radix: 16)
        var chunk = ByteBuffer()
        chunk.reserveCapacity(payload.readableBytes + length.utf8.count + 4)
        chunk.writeString(length)
        chunk.writeString("\r\n")
        chunk.writeImmutableBuffer(payload)
        chunk.writeString("\r\n")
        return chunk
    }

    /// The payload of one chunk, without its framing; shares the bytes.
    static func payload(of chunk: ByteBuffer) -> ByteBuffer {
        guard let lineFeed = chunk.readableBytesView.firstIndex(of: 0x0A) else { return chunk }
        let length = chunk.readableBytesView.endIndex - 2 - (lineFeed + 1)
        return chunk.getSlice(at: lineFeed + 1, length: length) ?? chunk
    }

    /// The chunk that ends a body.
    static let last = ByteBuffer(string: "0\r\n\r\n")
}
