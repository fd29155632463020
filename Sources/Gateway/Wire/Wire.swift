import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTP2

/// How responses look on a connection's wire, and how they get onto it: answers, streams and heartbeats all go through it.
///
/// On HTTP/1.x everything is bytes, written with the handler's own context: whatever stands below, such as TLS, sees them.
/// Only where nothing stands below may the socket be written to directly. On a stream of HTTP/2 the head, the body's
/// parts and the end are parts that a codec below puts into frames.
///
/// Writing may end the connection before it returns, and with that change the handler's wire: handlers write with a copy.
///
/// Confined to the channel's event loop.
struct Wire {
    enum Version: Hashable, Sendable {
        case http1_0, http1_1, http2
    }

    /// Of the request that is being answered.
    var version: Version
    /// The head of a stream that has not written anything yet. It goes with the first bytes.
    private var streamHead: PendingHead?
    private var socket: PlainSocket?
    /// Bytes of an HTTP/2 stream that have not become frames: such a channel has no such count of its own.
    private var unsent: UnsentBytes?

    /// A connection of HTTP/1.x.
    ///
    /// - Parameter isPlain: Whether nothing stands between the handler that writes and the socket.
    init(http1 channel: any Channel, isPlain: Bool) {
        version = .http1_1
        socket = isPlain ? PlainSocket(channel) : nil
    }

    private init() {
        version = .http2
        unsent = UnsentBytes()
    }

    /// A stream of an HTTP/2 connection.
    static var http2: Wire { Wire() }

    /// How the parts of a body without a known length are told apart.
    var framing: Framing { version == .http1_1 ? .chunked : .plain }

    /// Whether bytes may go to the socket past the channel.
    var passesTheChannelBy: Bool { socket != nil }

    // MARK: Heads

    /// What tells a client whether the connection stays (RFC 9112 §9.3); HTTP/2 has no such field (RFC 9113 §8.2.2).
    func addConnection(to head: inout ResponseHead, keepsAlive: Bool) {
        switch version {
        case .http1_0: head.add("Connection", keepsAlive ? "keep-alive" : "close")
        case .http1_1: if !keepsAlive { head.add("Connection", "close") }
        case .http2: break
        }
    }

    /// What announces a body without a known length. The connection ends with it, and the head says so (RFC 9112 §9.6): a
    /// client that keeps connections would send its next request on one that is just being closed.
    func addStreaming(to head: inout ResponseHead) {
        addFraming(framing, to: &head)
        if version != .http2 { head.add("Connection", "close") }
    }

    /// What announces that a body comes in parts.
    func addFraming(_ framing: Framing, to head: inout ResponseHead) {
        if framing == .chunked { head.add("Transfer-Encoding", "chunked") }
    }

    // MARK: Writing

    /// Writes a whole response.
    ///
    /// - Parameter promise: Kept when all of it was taken.
    func write(_ head: inout ResponseHead, _ body: ByteBuffer?, _ context: Context, _ promise: Promise? = nil) {
        if let part = head.part {
            context.write(NIOAny(HTTPServerResponsePart.head(part)), promise: nil)
            if let body, body.readableBytes > 0 { writeBody(body, context) }
            context.writeAndFlush(NIOAny(HTTPServerResponsePart.end(nil)), promise: promise)
        } else {
            var bytes = head.takeBytes()
            if let body { bytes.writeImmutableBuffer(body) }
            context.writeAndFlush(NIOAny(bytes), promise: promise)
        }
    }

    /// Writes the head after which the connection speaks another protocol (RFC 9110 §15.2.2).
    mutating func switchProtocols(_ head: inout ResponseHead, _ context: Context) {
        socket?.noteQueued()
        let bytes = head.takeBytes()
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        // The client may be gone: the descriptor is another connection's then.
        if !context.channel.isActive { socket = nil }
    }

    /// The response is a stream from now on.
    mutating func beginStream(_ head: ResponseHead) {
        streamHead = PendingHead(head)
    }

    /// Whether the response is a stream that has not written anything.
    var hasPendingHead: Bool { streamHead != nil }

    /// Gives framed bytes of a stream to the socket, where nothing stands between.
    ///
    /// - Returns: What is left to be sent the usual way; nil if nothing is.
    mutating func sendToSocket(_ frame: ByteBuffer, _ context: Context) -> ByteBuffer? {
        guard socket != nil else { return frame }
        guard streamHead == nil else { return openOnSocket(frame, context) }
        return socket?.send(frame, queued: { context.bufferedBytes })
    }

    private mutating func openOnSocket(_ first: ByteBuffer, _ context: Context) -> ByteBuffer? {
        // A stream may begin as an earlier answer fails, when the socket is closed already.
        guard let head = streamHead, context.channel.isActive else {
            socket = nil
            return first
        }
        streamHead = nil
        // Earlier answers may still be in the channel's queue.
        socket?.noteQueued()
        return socket?.send(head.bytes(before: first), queued: { context.bufferedBytes })
    }

    /// Takes the head of a stream that has written nothing, for whoever writes its first bytes.
    mutating func takeHead() -> PendingHead? {
        defer { streamHead = nil }
        return streamHead
    }

    /// Writes framed bytes of a stream.
    func send(_ frame: ByteBuffer, after head: PendingHead?, _ context: Context) {
        guard unsent != nil else {
            return context.writeAndFlush(NIOAny(head?.bytes(before: frame) ?? frame), promise: nil)
        }
        write(head, context)
        if frame.readableBytes > 0 { writeBody(frame, context) }
        context.flush()
    }

    private func write(_ head: PendingHead?, _ context: Context) {
        guard let part = head?.head.part else { return }
        context.write(NIOAny(HTTPServerResponsePart.head(part)), promise: nil)
    }

    /// Writes the last bytes of a stream, and what ends its body.
    ///
    /// - Parameter framing: Of its body; nil: the wire's own.
    func finish(
        _ last: ByteBuffer,
        after head: PendingHead?,
        framing: Framing? = nil,
        _ context: Context,
        _ promise: Promise
    ) {
        switch version {
        case .http1_0, .http1_1:
            var bytes = head?.bytes(before: last) ?? last
            if let end = (framing ?? self.framing).end { bytes.writeImmutableBuffer(end) }
            context.writeAndFlush(NIOAny(bytes), promise: promise)
        case .http2:
            write(head, context)
            if last.readableBytes > 0 { writeBody(last, context) }
            context.writeAndFlush(NIOAny(HTTPServerResponsePart.end(nil)), promise: promise)
        }
    }

    /// Tells a client that waits for it to send its body (RFC 9110 §10.1.1).
    func writeContinue(_ context: Context) {
        switch version {
        case .http1_0: break
        case .http1_1: context.writeAndFlush(NIOAny(ResponseHead.continue), promise: nil)
        case .http2:
            let head = HTTPResponseHead(version: .http2, status: .continue)
            context.writeAndFlush(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        }
    }

    /// Tells a client of HTTP/2 that has its answer to stop sending the request (RFC 9113 §8.1). The stream ends with that.
    func stopRequest(_ context: Context) { reset(.rstStream(.noError), context) }

    /// Tells a client of HTTP/2 that the rest of the response does not come (RFC 9113 §8.1). The stream ends with that.
    func breakOff(_ context: Context) { reset(.rstStream(.internalError), context) }

    private func reset(_ frame: HTTP2Frame.FramePayload, _ context: Context) {
        let codec = try? context.pipeline.syncOperations.context(handlerType: HTTP2FramePayloadToHTTP1ServerCodec.self)
        codec?.writeAndFlush(NIOAny(frame), promise: nil)
    }

    /// Calls back when the client has taken, or will never take, what was written before.
    func whenSent(_ context: Context, _ body: @escaping () -> Void) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in body() }
        switch version {
        case .http1_0, .http1_1: context.writeAndFlush(NIOAny(ByteBuffer()), promise: promise)
        case .http2:
            context.writeAndFlush(NIOAny(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer()))), promise: promise)
        }
    }

    /// The connection is closed: its descriptor may be another one's.
    mutating func detach() {
        socket = nil
    }

    private func writeBody(_ bytes: ByteBuffer, _ context: Context) {
        guard let unsent else { return }
        let count = bytes.readableBytes
        unsent.count += count
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.assumeIsolated().whenComplete { _ in unsent.count -= count }
        context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(bytes))), promise: taken)
    }

    // MARK: The client

    /// Bytes that were written and that the client has not taken, as far as this side knows.
    func waitingBytes(_ context: Context) -> Int {
        unsent?.count ?? context.bufferedBytes
    }

    typealias Context = ChannelHandlerContext
    typealias Promise = EventLoopPromise<Void>
}

/// The head of a stream until its first bytes are written.
final class PendingHead {
    fileprivate var head: ResponseHead

    fileprivate init(_ head: ResponseHead) {
        self.head = head
    }

    /// To be called once.
    fileprivate func bytes(before first: ByteBuffer) -> ByteBuffer {
        var bytes = head.takeBytes()
        bytes.writeImmutableBuffer(first)
        return bytes
    }
}

private final class UnsentBytes {
    var count = 0
}

extension ChannelHandlerContext {
    /// Bytes that were written and that the socket has not taken. Not to be asked of a stream of HTTP/2.
    var bufferedBytes: Int {
        (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
