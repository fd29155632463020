import Glibc

/// A socket that listens already, and was handed over by whoever started this process: systemd's socket activation, or a
/// launcher of that kind. It outlives the process, so clients that come between two servers wait instead of being refused.
public struct HandedOverSocket: Sendable {
    let descriptor: CInt
    /// The address that it listens on, in digits.
    public let host: String
    /// The port that it listens on.
    public let port: Int

    /// Checks the socket, and keeps it from programs that this one starts.
    ///
    /// - Parameter descriptor: Belongs to the ``ListeningSocket`` that is made of it.
    /// - Throws: ``GatewayError`` with the code `cannotListen`: it is none that listens for TCP.
    public init(descriptor: CInt) throws(GatewayError) {
        guard Self.option(SO_TYPE, of: descriptor) == CInt(SOCK_STREAM.rawValue),
            Self.option(SO_ACCEPTCONN, of: descriptor) == 1,
            [AF_INET, AF_INET6].contains(Self.option(SO_DOMAIN, of: descriptor) ?? -1),
            let (host, port) = Self.address(of: descriptor)
        else {
            throw GatewayError(
                .cannotListen,
                "The socket that was handed over listens for no TCP: give the unit a ListenStream= with an address and a port."
            )
        }
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
            case let flags = fcntl(descriptor, F_GETFL), flags >= 0,
            fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0
        else {
            throw GatewayError(.cannotListen, "The socket that was handed over cannot be used: start the server anew.")
        }
        (self.descriptor, self.host, self.port) = (descriptor, host, port)
    }

    private static func option(_ name: CInt, of descriptor: CInt) -> CInt? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    private static func address(of descriptor: CInt) -> (host: String, port: Int)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let isKnown = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(descriptor, address, &size) == 0
                    && getnameinfo(
                        address,
                        size,
                        &host,
                        socklen_t(host.count),
                        &port,
                        socklen_t(port.count),
                        NI_NUMERICHOST | NI_NUMERICSERV
                    ) == 0
            }
        }
        guard isKnown, let number = Int(text(port)) else { return nil }
        return (text(host), number)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
