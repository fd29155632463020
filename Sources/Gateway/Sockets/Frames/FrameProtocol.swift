import NIOCore

/// A WebSocket as its protocol has it (RFC 6455 §5 to §7), whatever its messages mean: answers pings, ends as it has to.
/// A pure state machine: it is told what came, and asked what to do (``next()``) until there is nothing.
struct FrameProtocol {
    enum Action: Equatable {
        case take(ByteBuffer, isText: Bool)
        /// Send a frame.
        case send(ByteBuffer)
        /// Send the last frame, then close.
        ///
        /// - Parameter fault: What the client did; nil where it closed.
        case finish(ByteBuffer, fault: FrameFault?)
    }

    private var reader: FrameReader
    /// Whether the last frame was sent, or is given out to be.
    private(set) var hasEnded = false

    init(maximumMessageBytes: Int, acceptsBinary: Bool = false) {
        reader = FrameReader(maximumMessageBytes: maximumMessageBytes, acceptsBinary: acceptsBinary)
    }

    /// Bytes of the client that have come and were not taken.
    var heldBytes: Int { reader.heldBytes }
    /// The memory that they take, in bytes.
    var memoryBytes: Int { reader.memoryBytes }
    /// Whole messages so far.
    var messages: Int { reader.messages }

    /// Bytes have come. After the end they are dropped (§5.5.1: the client may not have heard of it).
    mutating func received(_ bytes: ByteBuffer) {
        if !hasEnded { reader.feed(bytes) }
    }

    /// What to do next; nil until more comes.
    mutating func next() -> Action? {
        while !hasEnded {
            do throws(FrameFault) {
                guard let event = try reader.next() else { return nil }
                switch event {
                case .text(let text): return .take(text, isText: true)
                case .binary(let bytes): return .take(bytes, isText: false)
                case .ping(let payload): return .send(SocketFrame.frame(.pong, payload))
                case .pong: continue
                case .close(let code): return end(SocketFrame.close(code), nil)
                }
            } catch {
                return end(SocketFrame.close(error.code, error.reason), error)
            }
        }
        return nil
    }

    private mutating func end(_ last: ByteBuffer, _ fault: FrameFault?) -> Action {
        forget()
        return .finish(last, fault: fault)
    }

    /// The server ends it.
    ///
    /// - Returns: The last frame; nil where one was sent.
    mutating func close(_ code: CloseCode, _ reason: String) -> ByteBuffer? {
        guard !hasEnded else { return nil }
        forget()
        return SocketFrame.close(code, reason)
    }

    private mutating func forget() {
        hasEnded = true
        reader = FrameReader(maximumMessageBytes: 0, acceptsBinary: false)
    }
}
