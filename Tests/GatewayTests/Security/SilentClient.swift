import NIOCore
import NIOPosix

/// A client that connects, agrees on what its handler agrees on, and says nothing more.
struct SilentClient: Sendable {
    private let channel: any Channel

    static func connect(
        port: Int,
        _ security: @escaping @Sendable () throws -> any ChannelHandler
    ) async throws -> SilentClient {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(security())
                    try channel.pipeline.syncOperations.addHandler(Closer())
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return SilentClient(channel: channel)
    }

    /// Waits until the server has closed the connection.
    func closed() async throws {
        try await channel.closeFuture.get()
    }

    private final class Closer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
