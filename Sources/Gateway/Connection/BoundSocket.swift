import Glibc
import NIOCore
import NIOPosix

/// A socket that is bound and listens. Whoever has it closes it.
struct BoundSocket {
    let descriptor: CInt
    /// Of an address of the internet, also where 0 was asked for.
    let port: Int

    init(_ address: SocketAddress, mode: mode_t? = nil) throws {
        descriptor = socket(
            CInt(address.protocol.rawValue),
            CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue),
            0
        )
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            var on: CInt = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
            let descriptor = descriptor
            let isBound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) == 0 }
            guard isBound else { throw IOError(errnoCode: errno, reason: "bind") }
            // Nobody can connect before it listens, so nobody connects under another mode.
            if let mode, let path = address.pathname, chmod(path, mode) != 0 {
                throw IOError(errnoCode: errno, reason: "chmod")
            }
            // Before this, another process could bind the same port.
            guard listen(descriptor, ListeningSocket.backlog) == 0 else {
                throw IOError(errnoCode: errno, reason: "listen")
            }
            port = address.pathname == nil ? Self.port(of: descriptor) : 0
        } catch {
            close(descriptor)
            throw error
        }
    }

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
}
