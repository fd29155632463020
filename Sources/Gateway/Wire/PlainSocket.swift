import Glibc
import NIOCore
import NIOPosix

/// The socket of a connection on which nothing stands between the response and the kernel. It takes a buffer by one
/// system call, past the channel's own queue, whose bookkeeping costs as much as a fifth of a delivery.
///
/// The queue is passed by only while it is empty, so the order of bytes is kept, and never for long: what the socket
/// refuses, an error included, goes the usual way.
///
/// Confined to the channel's event loop.
struct PlainSocket {
    private let handle: NIOBSDSocket.Handle
    /// Whether the channel's queue may hold something.
    private var mayBeQueued = false

    /// Nil where the channel has no socket of its own.
    init?(_ channel: any Channel) {
        let transport = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
        guard let transport else { return nil }
        handle = transport
    }

    /// Something is written by way of the channel's queue: until that is empty, everything is.
    mutating func noteQueued() {
        mayBeQueued = true
    }

    /// Gives the socket as much as it takes.
    ///
    /// The channel must be active: once it is closed, the descriptor may be another connection's. A channel closes its
    /// socket, fails the writes that wait, and only then says `channelInactive`: what is told of such a write must not come
    /// here.
    ///
    /// - Parameter queued: How many bytes wait in the channel's queue.
    /// - Returns: What must go through the channel's queue; nil if nothing is left.
    mutating func send(_ buffer: ByteBuffer, queued: () -> Int) -> ByteBuffer? {
        if mayBeQueued { mayBeQueued = queued() > 0 }
        guard !mayBeQueued else { return buffer }
        let written = buffer.withUnsafeReadableBytes { bytes in
            Glibc.send(handle, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
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
