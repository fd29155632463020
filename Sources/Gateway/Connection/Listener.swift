import Logging
import NIOCore
import NIOPosix

/// A socket on which connections are accepted.
struct Listener: Sendable {
    let channel: any Channel
    /// Connections that the system holds until they are accepted, at most; nil where it does not tell.
    let backlog: Int?

    /// What all sockets of a server share.
    struct Setup: Sendable {
        let group: MultiThreadedEventLoopGroup
        let loops: [NIOLoopBound<ConnectionServices>]
        let open: OpenCount
        let waterMark: ChannelOptions.Types.WriteBufferWaterMark
        let logger: Logger
    }

    static func start(
        on descriptor: CInt,
        _ entrance: Arrival.Entrance,
        _ pipeline: ConnectionPipeline,
        _ setup: Setup
    ) async throws -> Listener {
        let channel = try await bootstrap(entrance, pipeline, setup).withBoundSocket(descriptor).get()
        // SwiftNIO listens once more, with a backlog of 128 whatever the option says.
        let backlog = ListeningSocket.setBacklog(of: descriptor)
        if let backlog, backlog < ListeningSocket.backlog {
            setup.logger.notice(
                "The system lets fewer connections wait than come back at once after a restart: raise net.core.somaxconn",
                metadata: ["waiting": "\(backlog)", "wanted": "\(ListeningSocket.backlog)"]
            )
        }
        return Listener(channel: channel, backlog: backlog)
    }

    private static func bootstrap(
        _ entrance: Arrival.Entrance,
        _ pipeline: ConnectionPipeline,
        _ setup: Setup
    ) -> ServerBootstrap {
        let byLoop = Dictionary(uniqueKeysWithValues: setup.loops.map { (ObjectIdentifier($0.eventLoop), $0) })
        let open = setup.open
        let bootstrap = ServerBootstrap(group: setup.group)
            .serverChannelOption(.backlog, value: ListeningSocket.backlog)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: setup.waterMark)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2048, maximum: 64 << 10)
            )
            .childChannelInitializer { channel in
                guard let services = byLoop[ObjectIdentifier(channel.eventLoop)]?.value, open.add(channel, entrance)
                else { return channel.close() }
                let strangers = services.shard.shared.strangers
                let peer = strangers.peer(of: channel)
                let room = entrance == .operations ? .enough : strangers.room(for: channel, from: peer)
                guard room != .noAnswer else { return channel.close() }
                let arrival = Arrival(
                    entrance: entrance,
                    isSecure: false,
                    peer: peer,
                    isExcessOfAddress: room == .none,
                    began: .now(),
                    isExcess: entrance != .operations && services.admission.isOverLimit
                )
                return channel.eventLoop.makeCompletedFuture { try pipeline.add(channel, services, arrival) }
            }
        // Accepted sockets inherit it from the listener on Linux: one system call less for each.
        return entrance == .unixSocket ? bootstrap : bootstrap.serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    }
}
