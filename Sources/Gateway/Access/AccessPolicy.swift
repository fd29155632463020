import Broker
import HTTPTypes
import NIOHTTP1

/// Who may come while there is no access control: `Host` and `Origin` are checked on every request, before its path.
///
/// A page of another site can make a browser send requests to a server on loopback, by its address or by a name of its own
/// that resolves there (DNS rebinding). Both headers are the browser's own; a page cannot change them.
struct AccessPolicy: Sendable {
    private let host: String
    private let checksHost: Bool
    private let allowedOrigins: Set<String>
    private let allowsAllOrigins: Bool

    init(_ configuration: GatewayConfiguration) {
        host = configuration.host.lowercased().filter { $0 != "[" && $0 != "]" }
        // A server for all addresses answers to names that it cannot know.
        checksHost = !["0.0.0.0", "::"].contains(host)
        allowedOrigins = Set(configuration.allowedOrigins.map { $0.lowercased() })
        allowsAllOrigins = configuration.allowedOrigins.contains("*")
    }

    /// - Throws: ``Problem``: 400 without a `Host` in HTTP/1.1 (RFC 9112 §3.2), 403 for a foreign one or a foreign origin.
    func check(_ head: HTTPRequestHead) throws(Problem) {
        let hosts = head.headers["host"]
        guard hosts.count == 1 || (hosts.isEmpty && !head.usesHTTP11) else {
            throw Problem(.badRequest, "HTTP/1.1 needs exactly one Host header.")
        }
        if let value = hosts.first, !isOurs(host: value) {
            throw Problem(
                .forbidden,
                "This server does not answer to the host \(value.quotedForPeople). Use its loopback address, or start it "
                    + "with --host."
            )
        }
        if let origin = head.headers.first(name: "origin"), !admits(origin: origin, host: hosts.first) {
            throw Problem(
                .forbidden,
                "Pages of \(origin.quotedForPeople) may not use this server. Start it with --allow-origin \(origin.forOption) "
                    + "to allow them."
            )
        }
    }

    private func isOurs(host value: String) -> Bool {
        guard checksHost else { return true }
        guard let name = Self.name(ofHost: value)?.lowercased() else { return false }
        return name == host || GatewayConfiguration.isLoopback(name)
    }

    private func admits(origin: String, host: String?) -> Bool {
        if allowsAllOrigins || allowedOrigins.contains(origin.lowercased()) { return true }
        guard let host else { return false }
        return origin.lowercased() == "http://\(host.lowercased())"
    }

    /// The host without its port (RFC 9110 §7.2) and without the brackets of an IPv6 address; nil where it is none.
    private static func name(ofHost value: String) -> Substring? {
        let (bytes, colon) = (value.utf8, UInt8(ascii: ":"))
        let isBracketed = bytes.first == UInt8(ascii: "[")
        guard
            let end = isBracketed
                ? bytes.firstIndex(of: UInt8(ascii: "]")) : bytes.firstIndex(of: colon) ?? bytes.endIndex
        else { return nil }
        let port = bytes[end...].dropFirst(isBracketed ? 1 : 0)
        guard port.isEmpty || (port.first == colon && port.dropFirst().allSatisfy { (0x30...0x39).contains($0) })
        else { return nil }
        return Substring(bytes[..<end].dropFirst(isBracketed ? 1 : 0))
    }

    /// What every answer to a page of another, allowed origin carries (Fetch standard, CORS protocol).
    func headers(for head: HTTPRequestHead) -> [(String, String)] {
        guard !allowedOrigins.isEmpty, let origin = head.headers.first(name: "origin") else { return [] }
        if allowedOrigins.contains(origin.lowercased()) {
            return [
                ("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"),
                ("access-control-expose-headers", "location, retry-after"), ("vary", "origin"),
            ]
        }
        guard allowsAllOrigins else { return [] }
        return [("access-control-allow-origin", "*"), ("access-control-expose-headers", "location, retry-after")]
    }

    /// What a preflight is answered with, beside ``headers(for:)``.
    static let preflight: HTTPFields = [
        .accessControlAllowMethods: "GET, HEAD, POST, DELETE, OPTIONS",
        .accessControlAllowHeaders: "content-type, last-event-id, idempotency-key, authorization, x-csrftoken",
        .accessControlMaxAge: "600",
    ]
}

extension HTTPRequestHead {
    /// Whether the client speaks HTTP/1.1: knows chunks, keeps connections, must send `Host`.
    var usesHTTP11: Bool { version.major > 1 || version == .http1_1 }
}

extension String {
    /// As an example for a command line: only if it is an origin that one could allow.
    fileprivate var forOption: String {
        let isPlain = utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "'") }
        return isPlain && hasPrefix("http") && utf8.count < 100 ? self : "ORIGIN"
    }
}
