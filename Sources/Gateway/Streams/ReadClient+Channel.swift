import Broker
import NIOCore

extension ReadClient {
    /// Tells who reads over a connection: its address, since one client may open many connections. The first half of an IPv6
    /// address is one client's. From loopback comes whatever a proxy passes on, so there each connection stands for
    /// itself.
    init(_ channel: any Channel) {
        if let network = channel.remoteAddress.flatMap({ Self.network(of: $0) }) {
            self.init(network)
        } else {
            self.init(ObjectIdentifier(channel))
        }
    }

    /// The part of an address that tells clients apart; nil for loopback, and where there is no address.
    static func network(of address: SocketAddress) -> [UInt8]? {
        // From sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)).
        let bytes = address.withSockAddr { pointer, size in
            Array(UnsafeRawBufferPointer(start: pointer, count: size))
        }
        switch address {
        case .v4: return network(ofIPv4: bytes[4..<8])
        case .v6:
            let host = bytes[8..<24]
            // An IPv4 address as a socket for both families sees it (RFC 4291 §2.5.5.2).
            if host.prefix(12).elementsEqual(mapped) { return network(ofIPv4: host.suffix(4)) }
            return host.elementsEqual(loopback) ? nil : Array(host.prefix(8))
        case .unixDomainSocket: return nil
        }
    }

    private static let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
    private static let loopback = [UInt8](repeating: 0, count: 15) + [1]

    private static func network(ofIPv4 bytes: ArraySlice<UInt8>) -> [UInt8]? {
        bytes.first == 127 ? nil : Array(bytes)
    }
}
