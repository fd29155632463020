import NIOCore
import NIOEmbedded

@testable import Gateway

/// A program on the server's own frame protocol that sends back what it gets, on a channel without a network.
final class EchoServer {
    private let channel = EmbeddedChannel()
    private var reader = PeerReader()

    init(maximumMessageBytes: Int = 16 << 20, acceptsBinary: Bool = true) throws {
        let frames = FrameProtocol(maximumMessageBytes: maximumMessageBytes, acceptsBinary: acceptsBinary)
        try channel.pipeline.syncOperations.addHandler(Handler(frames))
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 80)).wait()
    }

    /// Whether it has closed the connection.
    var isClosed: Bool { !channel.isActive }

    func receive(_ bytes: some Sequence<UInt8>) throws {
        guard channel.isActive else { return }
        try channel.writeInbound(ByteBuffer(bytes: bytes))
    }

    /// What it has sent since the last call.
    func sent() throws -> [PeerFrame] {
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { reader.feed(bytes.readableBytesView) }
        var frames: [PeerFrame] = []
        while let frame = try reader.next() { frames.append(frame) }
        return frames
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var frames: FrameProtocol

        init(_ frames: FrameProtocol) {
            self.frames = frames
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            frames.received(unwrapInboundIn(data))
            while let action = frames.next() {
                switch action {
                case .take(let bytes, let isText):
                    write(SocketFrame.frame(isText ? .text : .binary, bytes), context)
                case .send(let frame):
                    write(frame, context)
                case .finish(let last, _):
                    write(last, context)
                    context.close(promise: nil)
                }
            }
        }

        private func write(_ frame: ByteBuffer, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
        }
    }
}
