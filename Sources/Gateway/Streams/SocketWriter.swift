import Glibc
import NIOCore
import NIOPosix

/// Writes to a stream's socket: by one system call where it takes all of a buffer, which is nearly always; through the
/// channel's own queue where it does not.
///
/// The queue's bookkeeping costs as much as a fifth of a delivery. It is passed by only while it is empty, so the order
/// of bytes is kept, and never for long: what the socket refuses, an error included, goes the usual way.
///
/// Confined to the channel's event loop.
struct SocketWriter {
    /// Nil where something stands between the stream and the socket.
    private let socket: NIOBSDSocket.Handle?
    /// Whether the channel's queue may hold something.
    private var mayBeQueued = false

    /// - Parameter context: Of a handler at the head of the pipeline.
    init(_ context: ChannelHandlerContext) {
        socket = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
    }

    /// Gives the socket as much as it takes.
    ///
    /// The channel must be active: after `channelInactive` the descriptor may be another connection's. (A channel closes
    /// its socket and says `channelInactive` in one go, so nothing of ours runs in between.)
    ///
    /// - Returns: What must go through the channel's queue; nil if nothing is left. Writing that is the caller's, since it
    ///   may end the stream, and with it this writer.
    mutating func send(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) -> ByteBuffer? {
        if mayBeQueued { mayBeQueued = context.bufferedBytes > 0 }
        guard let socket, !mayBeQueued else { return buffer }
        let written = buffer.withUnsafeReadableBytes { bytes in
            Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        guard written < buffer.readableBytes else { return nil }
        mayBeQueued = true
        return written > 0 ? buffer.dropping(written) : buffer
    }
}

extension ByteBuffer {
    /// The rest, sharing the bytes.
    fileprivate func dropping(_ count: Int) -> ByteBuffer {
        var rest = self
        rest.moveReaderIndex(forwardBy: count)
        return rest
    }
}
