import Broker
import NIOCore

/// What a token says (RFC 7519 §4.1), and what it grants: the claim `notify`, or Mercure's.
struct TokenClaims {
    /// Seconds since 1970, as `exp`, `nbf` and `iat` have them.
    typealias Seconds = Double

    private(set) var subject: String?
    private(set) var issuer: String?
    private(set) var audiences: [String] = []
    private(set) var expires: Seconds?
    private(set) var notBefore: Seconds?
    private(set) var issued: Seconds?
    private(set) var rights = Rights.none
    /// Whether it has a claim that grants rights, `notify` or `mercure`, whatever that grants.
    private(set) var namesRights = false
    private(set) var info: ByteBuffer?

    /// The longest `info`, in bytes of JSON less white space.
    static let maximumInfoBytes = 1 << 10

    init(_ payload: [UInt8]) throws(TokenFault) {
        var claims = self
        try TokenJSON.object(payload, "content") { name, scanner throws(JSONScanner.Failure) in
            switch name {
            case "sub": claims.subject = try scanner.text(name)
            case "iss": claims.issuer = try scanner.text(name)
            case "aud":
                claims.audiences =
                    scanner.peek == UInt8(ascii: "\"") ? [try scanner.string()] : try scanner.texts(name)
            case "exp": claims.expires = try scanner.seconds(name)
            case "nbf": claims.notBefore = try scanner.seconds(name)
            case "iat": claims.issued = try scanner.seconds(name)
            case "notify":
                claims.namesRights = true
                try claims.readRights(&scanner)
            case "mercure":
                claims.namesRights = true
                try claims.readMercure(&scanner)
            default: _ = try scanner.compactValue()
            }
        }
        self = claims
    }

    private mutating func readRights(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) {
        var (rights, info) = (self.rights, self.info)
        try TokenJSON.object(&scanner) { name, scanner throws(JSONScanner.Failure) in
            switch name {
            case "publish": rights.publish = rights.publish.union(try scanner.groups(name))
            case "subscribe": rights.subscribe = rights.subscribe.union(try scanner.groups(name))
            case "delete": rights.delete = rights.delete.union(try scanner.groups(name))
            case "admin": rights.admin = try scanner.truth(name)
            case "layer": rights.layer = try scanner.truth(name)
            case "info":
                let value = try scanner.compactValue()
                guard value.readableBytes <= Self.maximumInfoBytes else {
                    throw .syntax("'info' is longer than \(Self.maximumInfoBytes) bytes")
                }
                info = value
            default: _ = try scanner.compactValue()
            }
        }
        (self.rights, self.info) = (rights, info)
    }

    /// The claim of Mercure's tokens, whose topics are read as patterns.
    private mutating func readMercure(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) {
        var rights = rights
        try TokenJSON.object(&scanner) { name, scanner throws(JSONScanner.Failure) in
            switch name {
            case "publish": rights.publish = rights.publish.union(try scanner.groups(name))
            case "subscribe": rights.subscribe = rights.subscribe.union(try scanner.groups(name))
            default: _ = try scanner.compactValue()
            }
        }
        self.rights = rights
    }
}

extension JSONScanner {
    fileprivate mutating func text(_ name: String) throws(Failure) -> String {
        guard peek == UInt8(ascii: "\"") else { throw .syntax("'\(name)' is no text") }
        return try string()
    }

    /// A list of texts; what else it holds is passed over.
    fileprivate mutating func texts(_ name: String) throws(Failure) -> [String] {
        guard peek == UInt8(ascii: "[") else { throw .syntax("'\(name)' is no list") }
        var texts: [String] = []
        try array { scanner throws(Failure) in
            if scanner.peek == UInt8(ascii: "\"") {
                texts.append(try scanner.string())
            } else {
                _ = try scanner.compactValue()
            }
        }
        return texts
    }

    fileprivate mutating func groups(_ name: String) throws(Failure) -> GroupPatterns {
        try null() ? .none : GroupPatterns(texts(name))
    }

    fileprivate mutating func truth(_ name: String) throws(Failure) -> Bool {
        switch String(buffer: try compactValue()) {
        case "true": true
        case "false", "null": false
        default: throw .syntax("'\(name)' is neither true nor false")
        }
    }

    /// A NumericDate (RFC 7519 §2).
    fileprivate mutating func seconds(_ name: String) throws(Failure) -> Double {
        guard let seconds = Double(String(buffer: try compactValue())), seconds.isFinite else {
            throw .syntax("'\(name)' is no number of seconds")
        }
        return seconds
    }
}
