import NIOCore

/// Reads what a client still sends after its last answer, and drops it: closing with unread input resets the connection,
/// which can throw away the answer before the client has read it (RFC 9112 §9.6).
///
/// Stands at the head of the pipeline: the decoder, which may have failed, sees nothing of it.
final class InputDrain: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytesLeft: Int

    /// - Parameter maximumBytes: More than this is not waited for.
    init(maximumBytes: Int) {
        bytesLeft = maximumBytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytesLeft -= unwrapInboundIn(data).readableBytes
        if bytesLeft < 0 { context.close(promise: nil) }
    }
}
