import NIOCore

/// Host and port, as they stand in `Host`, in an absolute target and in an origin (RFC 9110 §7.2, RFC 3986 §3.2).
///
/// On the way of every request: it works on bytes, and allocates nothing for a name.
struct Authority {
    typealias Bytes = Substring.UTF8View

    /// Without brackets; empty where none was given.
    let host: Bytes
    /// Of a host in brackets.
    let address: SocketAddress?
    /// Digits; empty where none was given.
    let port: Bytes

    /// Nil for what is no host. A name has letters, digits, `-`, `_` and dots: what else RFC 3986 admits (`%`, `+`, `!`, …)
    /// stands in no name of a server, and has been used to make one look like another.
    init?(_ text: Substring) {
        let bytes = text.utf8
        let rest: Bytes
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = bytes[bytes.index(after: bytes.startIndex)..<end]
            // A colon: what lies in brackets is no address of version 4.
            guard host.contains(UInt8(ascii: ":")),
                let address = try? SocketAddress(ipAddress: String(Substring(host)), port: 0)
            else { return nil }
            self.address = address
            rest = bytes[bytes.index(after: end)...]
        } else {
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            host = bytes[..<colon]
            address = nil
            rest = bytes[colon...]
            guard Self.isName(host) else { return nil }
        }
        port = rest.dropFirst()
        guard rest.isEmpty || rest.first == UInt8(ascii: ":"), port.allSatisfy(\.isDigit) else { return nil }
    }

    private static func isName(_ bytes: Bytes) -> Bool {
        var previous = UInt8(ascii: ".")
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                break
            case UInt8(ascii: ".") where previous != UInt8(ascii: "."):
                break
            default:
                return false
            }
            previous = byte
        }
        return true
    }
}

/// The hosts that a server answers to.
struct KnownHosts: Sendable {
    enum Verdict {
        case ours
        case foreign
        /// Not a host at all: 400 (RFC 9112 §3.2).
        case invalid
    }

    private let answersToAll: Bool
    /// In lower case, without the dot of the root.
    private let names: [[UInt8]]
    private let addresses: [SocketAddress]

    init(_ configuration: GatewayConfiguration) {
        // A server for all addresses cannot know its names, unless it is told them.
        let isForAll = ["0.0.0.0", "::", "[::]"].contains(configuration.host)
        // With keys, a page that comes by a name of its own has no token, and can do nothing.
        let needsNames = !configuration.access.hasKeys || GatewayConfiguration.isLoopback(configuration.host)
        answersToAll = (isForAll || !needsNames) && configuration.allowedHosts.isEmpty
        let hosts = (isForAll ? [] : [configuration.host]) + configuration.allowedHosts
        names = hosts.map { Array($0.utf8.withoutRootDot.map(\.lowercaseASCII)) }
        addresses = (hosts + ["::1"]).compactMap { host in
            try? SocketAddress(ipAddress: host.filter { $0 != "[" && $0 != "]" }, port: 0)
        }
    }

    func judge(_ host: Substring) -> Verdict {
        guard let authority = Authority(host) else { return .invalid }
        if answersToAll { return .ours }
        if let address = authority.address { return addresses.contains(address) ? .ours : .foreign }
        if GatewayConfiguration.isLoopback(name: authority.host) { return .ours }
        let name = authority.host.withoutRootDot
        return !name.isEmpty && names.contains { name.isEqual(ignoringCase: $0) } ? .ours : .foreign
    }
}

extension GatewayConfiguration {
    /// Whether a name means this machine alone: 127.0.0.0/8, ::1, `localhost` and names below it (RFC 6761 §6.3), with the
    /// dot of the root behind them or without.
    public static func isLoopback(_ host: String) -> Bool {
        isLoopback(name: host[...].utf8) || host == "::1" || host == "[::1]"
    }

    static func isLoopback(_ authority: Authority) -> Bool {
        isLoopback(name: authority.host) || authority.host.elementsEqual("::1".utf8)
    }

    static func isLoopback(name: Authority.Bytes) -> Bool {
        isLocalName(name.withoutRootDot) || isLoopbackAddress(name)
    }

    private static func isLocalName(_ name: Authority.Bytes) -> Bool {
        let local = "localhost".utf8
        guard name.suffix(local.count).isEqual(ignoringCase: local) else { return false }
        let rest = name.dropLast(local.count)
        return rest.isEmpty || (rest.last == UInt8(ascii: ".") && rest.count > 1)
    }

    /// Four numbers from 0 to 255 in digits alone, of which the first is 127.
    private static func isLoopbackAddress(_ name: Authority.Bytes) -> Bool {
        var (part, digits, number) = (0, 0, 0)
        for byte in name {
            if byte.isDigit {
                digits += 1
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
                guard digits <= 3, number <= 255 else { return false }
            } else {
                guard byte == UInt8(ascii: "."), digits > 0, part > 0 || number == 127 else { return false }
                part += 1
                (digits, number) = (0, 0)
            }
        }
        return part == 3 && digits > 0
    }

    /// Whether it can be an `--allow-host`: a name or an address, without a port.
    static func isHost(_ text: String) -> Bool {
        if text.contains(":"), !text.utf8.starts(with: "[".utf8) {
            return (try? SocketAddress(ipAddress: text, port: 0)) != nil
        }
        guard let authority = Authority(text[...]) else { return false }
        return !authority.host.isEmpty && authority.port.isEmpty && text.utf8.last != UInt8(ascii: ":")
    }
}
