import Glibc
import Synchronization

/// A connection that can be reset at once, from any thread: what the server writes after that fails.
final class ResettingClient: Sendable {
    struct CannotConnect: Error {}

    private let descriptor: Mutex<CInt?>

    init(port: Int) throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        self.descriptor = Mutex(descriptor)
        guard isConnected else { throw CannotConnect() }
    }

    deinit { reset() }

    var isOpen: Bool { descriptor.withLock { $0 != nil } }

    /// Blocks until the system has taken all.
    func send(_ bytes: [UInt8]) {
        descriptor.withLock { descriptor in
            guard let descriptor else { return }
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                guard sent > 0 else { return }
                rest = rest.dropFirst(sent)
            }
        }
    }

    /// Blocks until so many bytes have come, or the server ends the connection.
    func receive(atLeast count: Int) -> [UInt8] {
        let descriptor = descriptor.withLock { $0 }
        var received: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while let descriptor, received.count < count {
            let read = recv(descriptor, &piece, piece.count, 0)
            guard read > 0 else { break }
            received += piece[..<read]
        }
        return received
    }

    /// `SO_LINGER` with no time: the server's side is broken when this returns.
    func reset() {
        descriptor.withLock { descriptor in
            guard let open = descriptor else { return }
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(open, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
            Glibc.close(open)
            descriptor = nil
        }
    }
}
