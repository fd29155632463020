import Foundation

/// The server's base address, to which paths and queries are added.
struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Scheme, host, port and possibly a path, without a slash at the end; or `unix:` and the path of a socket.
    let description: String
    /// What paths are added to.
    private let base: String
    /// Whether it is a socket of this machine, which has no name.
    let isLocalSocket: Bool

    private static let unix = "unix:"

    init(_ text: String) throws(NotifyClientError) {
        if text.hasPrefix(Self.unix), text.utf8.count > Self.unix.utf8.count {
            description = text
            base = "http+unix://" + Self.encode(String(text.dropFirst(Self.unix.count)))
            isLocalSocket = true
            return
        }
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host, !host.isEmpty,
            parts.query == nil, parts.fragment == nil
        else {
            throw NotifyClientError(
                .invalidArgument,
                "'\(text.onOneLine(limit: 200))' is no address of a server: give one like http://127.0.0.1:8080, or unix:/run/notify.sock."
            )
        }
        var base = text
        while base.hasSuffix("/") { base.removeLast() }
        (description, self.base, isLocalSocket) = (base, base, false)
    }

    /// The address of a resource. Path segments and query values may hold any text.
    func url(path: [String], query: [(name: String, value: String?)] = []) -> String {
        let segments = path.map { "/" + Self.encode($0) }.joined()
        let fields = query.compactMap { field in field.value.map { "\(field.name)=\(Self.encode($0))" } }
        return base + segments + (fields.isEmpty ? "" : "?" + fields.joined(separator: "&"))
    }

    /// Percent-encodes all but the unreserved characters (RFC 3986 §2.3): `+` and `&` in a value would be read as a
    /// space and as its end.
    private static func encode(_ text: String) -> String {
        var encoded = ""
        encoded.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
