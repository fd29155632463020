import Broker
import Hummingbird
import NIOCore
import NIOPosix
import Synchronization

/// A socket that listens, and the event loops for its connections, before there is anything to serve.
///
/// For programs that must not make anything, a database for instance, unless they get their port:
///
/// ```swift
/// let listener = try await GatewayListener.bind(configuration)
/// let log = try MessageLog(store: SQLiteMessageStore(path: "notify.sqlite"), layer: InMemoryChannelLayer())
/// let gateway = try Gateway(log: log, configuration: configuration, listener: listener)
/// ```
///
/// Clients that come meanwhile are connected by the system, which holds up to 4096 of them. None is accepted, read from
/// or answered before ``Gateway/start()``.
public final class GatewayListener: Sendable {
    typealias Initializer = @Sendable (any Channel) -> EventLoopFuture<Void>

    /// The port that it has.
    public let port: Int
    let group: MultiThreadedEventLoopGroup
    let channel: any Channel
    private let initializer: Box

    private final class Box: Sendable {
        let value = Mutex<Initializer?>(nil)
    }

    private init(group: MultiThreadedEventLoopGroup, channel: any Channel, port: Int, initializer: Box) {
        (self.group, self.channel, self.port, self.initializer) = (group, channel, port, initializer)
    }

    /// Takes the port.
    ///
    /// - Throws: ``GatewayError``: `invalidConfiguration`, `addressInUse`, `cannotListen`.
    public static func bind(_ configuration: GatewayConfiguration) async throws(GatewayError) -> GatewayListener {
        try configuration.validate()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops ?? System.coreCount)
        let initializer = Box()
        do {
            let channel = try await bootstrap(group, initializer, configuration)
                .bind(host: configuration.host, port: configuration.port).get()
            return GatewayListener(
                group: group,
                channel: channel,
                port: channel.localAddress?.port ?? configuration.port,
                initializer: initializer
            )
        } catch {
            try? await group.shutdownGracefully()
            throw GatewayError(cannotListen: error, configuration)
        }
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup,
        _ initializer: Box,
        _ configuration: GatewayConfiguration
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted sockets inherit it from the listener on Linux: one system call less for each.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: configuration.waterMark)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 2048, maximum: 64 << 10)
            )
            .childChannelInitializer { channel in
                initializer.value.withLock { $0 }?(channel) ?? channel.close()
            }
    }

    /// Accepts connections from now on.
    func accept(_ initialize: @escaping Initializer) async throws {
        initializer.value.withLock { $0 = initialize }
        try await channel.setOption(.autoRead, value: true).get()
    }

    /// Connections that come from now on are closed at once.
    func refuse() {
        initializer.value.withLock { $0 = nil }
    }

    /// Gives the port back, where no gateway was started with it.
    public func close() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

extension GatewayConfiguration {
    /// A connection with more than this waiting for its socket is slow.
    fileprivate var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: max(1, connectionBufferBytes / 4), high: connectionBufferBytes)
    }
}

extension GatewayError {
    /// Why the socket could not be bound, and what to do.
    init(cannotListen error: any Error, _ configuration: GatewayConfiguration) {
        let (host, port) = (configuration.host.quotedForPeople, configuration.port)
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(
                .addressInUse,
                "Port \(port) on \(configuration.host) is in use: stop the other server, or choose another port with --port "
                    + "(0 takes a free one)."
            )
        case EACCES:
            self.init(.cannotListen, "Port \(port) needs rights that this process has not: choose another with --port.")
        case EADDRNOTAVAIL:
            self.init(.cannotListen, "\(host) is no address of this machine: choose another with --host.")
        case nil where error is SocketAddressError.UnknownHost:
            self.init(.cannotListen, "There is no host \(host): give an address of this machine with --host.")
        default:
            self.init(.cannotListen, "Cannot listen on \(host), port \(port).", underlying: error)
        }
    }
}
