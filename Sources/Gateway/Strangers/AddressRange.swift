import NIOCore

/// A range of IP addresses: `10.0.0.0/8`, `fd00::/8`, or one address (RFC 4632, RFC 4291 §2.3).
struct AddressRange: Sendable, Equatable {
    private let bytes: [UInt8]
    private let bits: Int

    /// Nil for what is none, also where bits are set beyond the prefix: that is a mistake more often than not.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = AddressBytes(text: String(parts[0])) else { return nil }
        let all = address.bytes.count * 8
        var bits = all
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...all).contains(given), parts[1].utf8.allSatisfy(\.isDigit) else {
                return nil
            }
            bits = given
        }
        self.bits = bits
        bytes = address.bytes
        guard (bits..<all).allSatisfy({ bytes[$0 / 8] & (0x80 >> UInt8($0 % 8)) == 0 }) else { return nil }
    }

    func contains(_ address: AddressBytes) -> Bool {
        let other = address.bytes
        guard other.count == bytes.count else { return false }
        let whole = bits / 8
        guard other[..<whole].elementsEqual(bytes[..<whole]) else { return false }
        let rest = bits % 8
        return rest == 0 || (other[whole] ^ bytes[whole]) >> UInt8(8 - rest) == 0
    }
}

/// The bytes of an IP address. One of version 4 that is written as one of version 6 (RFC 4291 §2.5.5.2) is of version 4.
struct AddressBytes: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    private init(_ bytes: [UInt8]) {
        let mapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        self.bytes = mapped ? Array(bytes[12...]) : bytes
    }

    /// Nil for a socket without such an address.
    init?(_ address: SocketAddress?) {
        // Where the address stands in its structure (ip(7), ipv6(7)).
        let place: Range<Int>? =
            switch address {
            case .v4?: 4..<8
            case .v6?: 8..<24
            case .unixDomainSocket?, nil: nil
            }
        guard let address, let place else { return nil }
        let bytes = address.withSockAddr { pointer, size in
            Array(UnsafeRawBufferPointer(start: pointer, count: size).dropFirst(place.lowerBound).prefix(place.count))
        }
        guard bytes.count == place.count else { return nil }
        self.init(bytes)
    }

    init?(text: String) {
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        self.init(address)
    }

    /// What limits count by: of version 6 the network, since whoever has one has all its addresses.
    var forLimits: AddressBytes {
        bytes.count == 16 ? AddressBytes(Array(bytes[..<8]) + Array(repeating: 0, count: 8)) : self
    }

    /// As people write it.
    var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        return (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress) ?? ""
    }
}
