import NIOHTTP1

/// Where a request may have a token.
enum TokenSource {
    enum Finding: Equatable {
        case none
        case token(String)
        /// Something that stands where a token should, and is none.
        case malformed(String)
    }

    private static let scheme = "bearer".utf8

    /// Whether there is `Authorization: Bearer`. Another scheme is somebody else's: a proxy's, for example.
    static func hasBearer(_ fields: AccessFields) -> Bool {
        guard fields.authorizations < 2 else { return true }
        let bytes = fields.authorization.utf8
        guard bytes.prefix(scheme.count).isEqual(ignoringCase: scheme) else { return false }
        return bytes.count == scheme.count || bytes.dropFirst(scheme.count).first == UInt8(ascii: " ")
    }

    /// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
    static func authorization(_ fields: AccessFields) -> Finding {
        guard hasBearer(fields) else { return .none }
        guard fields.authorizations == 1 else { return .malformed("there is more than one Authorization header.") }
        let token = Substring(fields.authorization.utf8.dropFirst(scheme.count)).trimmed
        return token.isEmpty ? .malformed("nothing follows on 'Bearer'.") : .token(String(token))
    }

    /// A cookie of that name: the first, as browsers send the most specific first (RFC 6265 §5.4). HTTP/2 may split the list
    /// (RFC 9113 §8.2.3).
    static func cookie(_ name: String, _ headers: HTTPHeaders) -> Finding {
        for field in headers["cookie"] {
            for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
                let pair = Substring(pair).trimmed
                guard pair.utf8.starts(with: name.utf8) else { continue }
                let rest = pair.utf8.dropFirst(name.utf8.count)
                guard rest.first == UInt8(ascii: "=") else { continue }
                var value = Substring(rest.dropFirst()).trimmed
                if value.utf8.count >= 2, value.utf8.first == UInt8(ascii: "\""), value.utf8.last == UInt8(ascii: "\"")
                {
                    value = value.dropFirst().dropLast()
                }
                // An empty cookie is one that was taken back.
                return value.isEmpty ? .none : .token(String(value))
            }
        }
        return .none
    }

    private static let subprotocolPrefix = "notify.token."

    /// Takes the subprotocol `notify.token.TOKEN` out of the list that a WebSocket's client offers: a browser's `WebSocket` can
    /// send no other header. Nothing that writes headers down writes it down, and it is never answered.
    static func takeSubprotocol(from headers: inout HTTPHeaders) -> Finding {
        let name = "sec-websocket-protocol"
        let offered = headers[canonicalForm: name]
        let tokens = offered.filter { $0.utf8.starts(with: subprotocolPrefix.utf8) }
        guard let first = tokens.first else { return .none }
        let rest = offered.filter { !$0.utf8.starts(with: subprotocolPrefix.utf8) }
        headers.remove(name: name)
        if !rest.isEmpty { headers.add(name: name, value: rest.joined(separator: ", ")) }
        guard tokens.count == 1 else { return .malformed("there is more than one subprotocol notify.token.") }
        let token = first.utf8.dropFirst(subprotocolPrefix.utf8.count)
        return token.isEmpty ? .malformed("nothing follows on 'notify.token.'.") : .token(String(Substring(token)))
    }

    private static let parameter = "access_token".utf8

    /// Takes `access_token` out of an address, so that nothing that writes addresses down writes a token down.
    static func takeParameter(from uri: inout String) -> Finding {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return .none }
        let query = uri.utf8[uri.utf8.index(after: mark)...]
        let parts = query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false)
        func isToken(_ part: Substring.UTF8View) -> Bool {
            part.starts(with: parameter) && part.dropFirst(parameter.count).first == UInt8(ascii: "=")
        }
        let tokens = parts.filter(isToken)
        guard let first = tokens.first else { return .none }
        let rest = parts.filter { !isToken($0) }.map { String(Substring($0)) }.joined(separator: "&")
        uri = String(uri[..<mark]) + (rest.isEmpty ? "" : "?\(rest)")
        guard tokens.count == 1 else { return .malformed("there is more than one access_token.") }
        let text = String(Substring(first.dropFirst(parameter.count + 1)))
        guard let token = FormText.percentDecoded(text), !token.isEmpty else {
            return .malformed("access_token is empty, or has a broken percent escape.")
        }
        return .token(token)
    }
}
