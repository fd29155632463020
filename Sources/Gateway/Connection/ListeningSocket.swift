import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// The bound sockets of a gateway, on which nobody is answered yet: to be had before a database is made, so that a start which
/// is refused since the port is in use leaves nothing behind.
///
/// Clients that connect wait until the gateway takes the sockets; they are turned away if it never does. Safe to use from any
/// thread.
public final class ListeningSocket: Sendable {
    /// The port, also where 0 was asked for; 0 where none is listened on.
    public let port: Int
    /// The port with figures and health, also where 0 was asked for; nil where there is none.
    public let operationsPort: Int?
    private let taken: Mutex<Taken?>

    /// What the gateway takes over.
    struct Taken {
        fileprivate(set) var descriptors: [(entrance: Arrival.Entrance, descriptor: CInt)] = []
        fileprivate(set) var file: UnixSocketFile?

        /// Closes what nobody listens on.
        func close() {
            for (_, descriptor) in descriptors { Glibc.close(descriptor) }
            file?.remove()
        }
    }

    /// Binds all that the configuration names. Looks a host name up, which may take a while.
    ///
    /// - Parameter handedOver: Takes the place of the host and the port.
    /// - Throws: ``GatewayError``: `addressInUse`, `cannotListen`.
    public init(_ configuration: GatewayConfiguration, handedOver: HandedOverSocket? = nil) throws(GatewayError) {
        var taken = Taken()
        var (port, operationsPort): (Int, Int?) = (0, nil)
        do throws(GatewayError) {
            if let handedOver {
                taken.descriptors.append((.port, handedOver.descriptor))
                port = handedOver.port
            } else if configuration.listensOnPort {
                let socket = try Self.bind(configuration.host, configuration.port, "--host", "--port")
                taken.descriptors.append((.port, socket.descriptor))
                port = socket.port
            }
            if let wanted = configuration.operationsPort {
                let socket = try Self.bind(OperationsPort.host, wanted, "--operations-port", "--operations-port")
                taken.descriptors.append((.operations, socket.descriptor))
                operationsPort = socket.port
            }
            if let path = configuration.unixSocket {
                do {
                    let (file, socket) = try UnixSocketFile.bind(path)
                    taken.descriptors.append((.unixSocket, socket.descriptor))
                    taken.file = file
                } catch {
                    throw GatewayError(cannotListen: error, path: path)
                }
            }
        } catch {
            taken.close()
            throw error
        }
        (self.port, self.operationsPort) = (port, operationsPort)
        self.taken = Mutex(taken)
    }

    private static func bind(
        _ host: String,
        _ port: Int,
        _ hostOption: String,
        _ portOption: String
    ) throws(GatewayError) -> BoundSocket {
        do {
            return try BoundSocket(SocketAddress.makeAddressResolvingHost(host, port: port))
        } catch {
            throw GatewayError(cannotListen: error, host: host, port: port, hostOption, portOption)
        }
    }

    /// Connections that the system holds until they are accepted: everybody comes back at once after a restart.
    static let backlog: CInt = 4096

    /// Sets the backlog of a socket that listens.
    ///
    /// - Returns: What the system made of it: at most net.core.somaxconn (listen(2)). Nil where it does not tell.
    static func setBacklog(of descriptor: CInt) -> Int? {
        guard listen(descriptor, backlog) == 0 else { return nil }
        #if os(Linux)
        // Of a socket that listens, these are its backlog (tcp_get_info in the kernel).
        var info = tcp_info()
        var size = socklen_t(MemoryLayout<tcp_info>.size)
        guard getsockopt(descriptor, CInt(IPPROTO_TCP), TCP_INFO, &info, &size) == 0 else { return nil }
        return Int(info.tcpi_sacked)
        #else
        return Int(backlog)
        #endif
    }

    /// Hands the descriptors over, once: whoever takes them closes them.
    func take() -> Taken? {
        taken.withLock { taken in
            defer { taken = nil }
            return taken
        }
    }

    deinit {
        take()?.close()
    }
}
