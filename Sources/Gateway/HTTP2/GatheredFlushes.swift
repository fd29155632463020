import NIOCore

/// Makes one write to the socket of what the streams of a connection send in one turn of the event loop: a delivery to a
/// hundred streams would be a hundred writes, and as many records of TLS.
///
/// Stands below the library's handler. Little waits here, and not for long: the turn's other work comes first.
final class GatheredFlushes: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// More than this is not gathered.
    private let maximumBytes: Int
    private var bytes = 0
    private var isDue = false
    private var context: ChannelHandlerContext?

    /// - Parameter waterMark: What the socket's queue may hold until the streams pause. That must not happen for bytes which
    ///   the socket would take.
    init(waterMark: Int) {
        maximumBytes = min(64 << 10, waterMark / 2)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        bytes += unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard bytes <= maximumBytes else { return flushNow() }
        guard !isDue else { return }
        isDue = true
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            if this.value.isDue { this.value.flushNow() }
        }
    }

    private func flushNow() {
        (isDue, bytes) = (false, 0)
        context?.flush()
    }

    /// What was written before goes first.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if isDue { flushNow() }
        context.close(mode: mode, promise: promise)
    }
}
