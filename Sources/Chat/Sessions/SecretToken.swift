import Crypto
import Foundation

/// A random secret that a browser keeps in a cookie. The database has its digest only: who reads a backup cannot sign in.
struct SecretToken: Sendable {
    typealias Digest = Data

    /// 43 characters of URL-safe Base64: 256 bits from the system's secure source.
    let text: String

    init() {
        text = Self.randomBytes(32).urlSafeText
    }

    /// What a cookie holds; nil for anything that is no token.
    init?(_ text: String) {
        let isToken = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard isToken, text.utf8.count == 43 else { return nil }
        self.text = text
    }

    var digest: Digest { digest() }

    /// - Parameter seal: What the session depends on beside its token.
    func digest(seal: String = "") -> Digest { Self.digest(of: "session" + seal, text) }

    /// What forms and scripts of this browser's pages carry: only who can read the cookie, or the page, knows it.
    var formToken: String { Self.digest(of: "form", text).urlSafeText }

    static func digest(of purpose: String, _ text: String) -> Digest {
        Data(SHA256.hash(data: Data("\(purpose):\(text)".utf8)))
    }

    static func randomBytes(_ count: Int) -> Data {
        var source = SystemRandomNumberGenerator()
        return Data((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &source) })
    }

    /// In a time that does not tell how much of them is the same.
    static func areEqual(_ left: some DataProtocol, _ right: some DataProtocol) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension Data {
    var urlSafeText: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
