import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A bound socket on which nobody is answered yet: to be had before a database is made, so that a start which is refused
/// since the port is in use leaves nothing behind.
///
/// Clients that connect wait until the gateway takes the socket; they are turned away if it never does. Safe to use from any
/// thread.
public final class ListeningSocket: Sendable {
    /// The port, also where 0 was asked for.
    public let port: Int
    private let descriptor: Mutex<CInt?>

    /// Binds the configuration's host and port. Looks a host name up, which may take a while.
    ///
    /// - Throws: ``GatewayError``: `addressInUse`, `cannotListen`.
    public convenience init(_ configuration: GatewayConfiguration) throws(GatewayError) {
        do {
            let address = try SocketAddress.makeAddressResolvingHost(configuration.host, port: configuration.port)
            try self.init(address)
        } catch {
            throw GatewayError(cannotListen: error, configuration)
        }
    }

    private init(_ address: SocketAddress) throws {
        let descriptor = socket(
            CInt(address.protocol.rawValue),
            CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue),
            0
        )
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        var port = 0
        do {
            var on: CInt = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
            let isBound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) == 0 }
            guard isBound else { throw IOError(errnoCode: errno, reason: "bind") }
            // Before this, another process could bind the same port.
            guard listen(descriptor, Self.backlog) == 0 else { throw IOError(errnoCode: errno, reason: "listen") }
            port = Self.port(of: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.port = port
        self.descriptor = Mutex(descriptor)
    }

    /// Connections that the system holds until they are accepted: everybody comes back at once after a restart.
    static let backlog: CInt = 4096

    private static func port(of descriptor: CInt) -> Int {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isKnown = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) == 0 }
        }
        guard isKnown else { return 0 }
        // The port follows the family in an address of either kind, in network order (ip(7), ipv6(7)).
        return withUnsafeBytes(of: &storage) { Int($0[2]) << 8 | Int($0[3]) }
    }

    /// Hands the descriptor over, once: whoever takes it closes it.
    func take() -> CInt? {
        descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
    }

    deinit {
        if let descriptor = take() { close(descriptor) }
    }
}
