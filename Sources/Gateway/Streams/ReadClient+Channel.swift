import Broker
import NIOCore
import NIOHTTP1

extension ReadClient {
    /// Who reads with a request: whom a trusted proxy names, else who is at the other end. Behind a proxy all would be one
    /// client otherwise, and the scans of one would hold up everybody.
    init(_ headers: HTTPHeaders, _ channel: any Channel, _ proxies: TrustedProxies) {
        let peer = AddressBytes(channel.remoteAddress)
        let named = proxies.isEmpty ? nil : proxies.client(headers, peer: peer)
        self = named.flatMap { ReadClient($0) } ?? ReadClient(channel)
    }

    /// - Returns: Nil for this machine's own addresses: there each connection stands for itself.
    init?(_ address: AddressBytes) {
        let bytes = address.bytes
        if bytes.count == 4 {
            guard let network = Self.network(ofIPv4: bytes[...]) else { return nil }
            self.init(network)
        } else {
            guard !bytes.elementsEqual(Self.loopback) else { return nil }
            self.init(Array(bytes.prefix(8)))
        }
    }

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
