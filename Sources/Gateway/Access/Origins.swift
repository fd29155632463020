import Broker

/// The origins whose pages may use a server.
struct Origins: Sendable {
    /// In the form in which browsers send them.
    private let named: [[UInt8]]
    let includeAll: Bool

    init(_ origins: [String]) {
        includeAll = origins.contains("*")
        named = origins.compactMap { GatewayConfiguration.origin($0) }.map { Array($0.utf8) }
    }

    /// Whether there are any: then answers differ by `Origin`.
    var isEmpty: Bool { named.isEmpty && !includeAll }

    /// Whether one is there by its name.
    func names(_ origin: Substring) -> Bool {
        named.contains { origin.utf8.isEqual(ignoringCase: $0) }
    }

    /// Whether an origin is that of a page which this server itself sent, by the request's `Host`.
    ///
    /// - Parameter isSecure: Whether the browser used `https`.
    static func areSame(_ origin: Substring, host: Substring, isSecure: Bool) -> Bool {
        let (scheme, port) = isSecure ? ("https://".utf8, ":443".utf8) : ("http://".utf8, ":80".utf8)
        guard !host.utf8.isEmpty, origin.utf8.prefix(scheme.count).isEqual(ignoringCase: scheme) else { return false }
        return without(port, origin.utf8.dropFirst(scheme.count)).isEqual(ignoringCase: without(port, host.utf8))
    }

    /// Browsers leave the scheme's own port out; some proxies put it in.
    private static func without(_ port: String.UTF8View, _ authority: Authority.Bytes) -> Authority.Bytes {
        authority.suffix(port.count).elementsEqual(port) ? authority.dropLast(port.count) : authority
    }
}

extension GatewayConfiguration {
    /// An origin in the form in which browsers send it (RFC 6454 §6.1): scheme and host in lower case, the port left out
    /// where it is the scheme's own. Nil for what is none, with a path or `*` in it, and for `null`.
    public static func origin(_ text: String) -> String? {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), text.utf8[colon...].starts(with: "://".utf8)
        else { return nil }
        let scheme = text.utf8[..<colon]
        let isSecure = scheme.isEqual(ignoringCase: "https".utf8)
        guard isSecure || scheme.isEqual(ignoringCase: "http".utf8),
            let authority = Authority(text[colon...].dropFirst(3)), !authority.host.isEmpty,
            text.utf8.last != UInt8(ascii: ":")
        else { return nil }
        var host = String(decoding: authority.host.map(\.lowercaseASCII), as: UTF8.self)
        if authority.address != nil { host = "[\(host)]" }
        var origin = (isSecure ? "https://" : "http://") + host
        if !authority.port.isEmpty {
            guard let port = UInt16(String(Substring(authority.port))) else { return nil }
            if port != (isSecure ? 443 : 80) { origin += ":\(port)" }
        }
        return origin
    }

    /// - Throws: ``GatewayError``: the first origin that can never match, with the form that can.
    func validateOrigins() throws(GatewayError) {
        for origin in allowedOrigins where origin != "*" && Self.origin(origin) == nil {
            throw GatewayError(.invalidConfiguration, "--allow-origin \(Self.advice(on: origin))")
        }
    }

    private static func advice(on origin: String) -> String {
        let quoted = origin.quotedForPeople
        if origin == "null" {
            return
                "\(quoted) is what a page sends that has no origin, such as a file; every site can make one. Serve the "
                + "page over HTTP, or allow all pages, without credentials, with --allow-origin '*'."
        }
        if origin.utf8.contains(UInt8(ascii: "*")) {
            return "\(quoted) is no origin: there are no patterns. Name each origin, or allow all pages, without "
                + "credentials, with --allow-origin '*'."
        }
        if !origin.utf8.allSatisfy({ $0 < 0x80 }) {
            return
                "\(quoted) is no origin as browsers send it: write the name in its ASCII form, which begins with 'xn--'."
        }
        let rest = origin.utf8.firstIndex(of: UInt8(ascii: ":")).map { origin[$0...].dropFirst(3) } ?? ""
        let end = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        let right = Self.origin(String(origin[..<end])) ?? Self.origin("https://\(origin)") ?? "https://example.org"
        return "\(quoted) is no origin: give scheme, host and port only, such as \(right), or '*'."
    }
}
