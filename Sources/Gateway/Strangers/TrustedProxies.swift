import NIOCore
import NIOHTTP1

/// The proxies whose word for their clients is taken.
struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]
    private let includesLocalSockets: Bool

    /// The word for whoever comes by a Unix socket, which only this machine's processes can.
    static let localSocket = "unix"

    init(_ texts: [String]) {
        ranges = texts.compactMap { AddressRange($0) }
        includesLocalSockets = texts.contains(Self.localSocket)
    }

    var isEmpty: Bool { ranges.isEmpty && !includesLocalSockets }

    private func include(_ address: AddressBytes) -> Bool { ranges.contains { $0.contains(address) } }

    /// - Parameter peer: Nil for a Unix socket.
    func trust(_ peer: AddressBytes?) -> Bool { peer.map { include($0) } ?? includesLocalSockets }

    /// Who is behind a connection: the nearest that no trusted proxy is, read from the right, as each proxy adds its own
    /// client there. What a client says of itself stands further left, and is not looked at.
    func client(_ headers: HTTPHeaders, peer: AddressBytes?) -> AddressBytes? {
        guard !isEmpty, trust(peer) else { return peer }
        var client = peer
        for hop in Self.hops(headers).reversed() {
            guard let address = hop else { return client }
            client = address
            guard include(address) else { return client }
        }
        return client
    }

    /// Whether a client came by TLS, to the first of the proxies; nil where that is not said, or not by a trusted one.
    func isSecure(_ headers: HTTPHeaders, peer: AddressBytes?) -> Bool? {
        guard !isEmpty, trust(peer), let list = headers.first(name: "x-forwarded-proto") else { return nil }
        let first = Substring(list.utf8.prefix { $0 != UInt8(ascii: ",") }).trimmed
        return first.utf8.isEqual(ignoringCase: "https".utf8)
    }

    /// Addresses from left to right; nil for what is none, such as `unknown`.
    private static func hops(_ headers: HTTPHeaders) -> [AddressBytes?] {
        let forwarded = headers["forwarded"]
        guard forwarded.isEmpty else {
            return forwarded.flatMap { $0.split(separator: ",") }.map { element in
                // FieldParameters looks behind the first `;`.
                FieldParameters.value(of: "for", in: ";" + element).flatMap { address(ofNode: $0[...]) }
            }
        }
        return headers["x-forwarded-for"].flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
            .map { address(ofNode: $0.trimmed) }
    }

    /// An address with a port or without, of version 6 in brackets or, as some proxies have it, without (RFC 7239 §6).
    private static func address(ofNode node: Substring) -> AddressBytes? {
        if let address = AddressBytes(text: String(node)) { return address }
        guard
            let colon = node.utf8.lastIndex(of: UInt8(ascii: ":"))
                ?? node.utf8.indices.last.map({ node.utf8.index(after: $0) })
        else { return nil }
        var host = node[..<colon]
        if node.utf8.first == UInt8(ascii: "["), let end = node.utf8.firstIndex(of: UInt8(ascii: "]")) {
            host = node[..<end].dropFirst()
        }
        return AddressBytes(text: String(host))
    }
}
