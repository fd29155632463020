import Crypto
import Foundation
import JWTKit

/// Makes tokens as an application would, and broken ones as an attacker would.
enum TokenMaker {
    static let secret = "a-secret-of-thirty-two-bytes-or-more"

    /// A token signed with a secret.
    ///
    /// - Parameter claims: JSON.
    static func token(
        _ claims: String,
        header: String = #"{"alg":"HS256","typ":"JWT"}"#,
        secret: String = secret
    ) -> String {
        let signed = encode(Array(header.utf8)) + "." + encode(Array(claims.utf8))
        let key = SymmetricKey(data: Data(secret.utf8))
        let code = Array(HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: key))
        return signed + "." + encode(code)
    }

    /// With rights to groups, as `{"notify":{…}}`, for an hour.
    static func token(
        publish: [String] = [],
        subscribe: [String] = [],
        delete: [String] = [],
        admin: Bool = false,
        user: String = "u42",
        expires: Double = 3600,
        secret: String = secret
    ) -> String {
        func list(_ items: [String]) -> String { "[" + items.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
        return token(
            """
            {"sub":"\(user)","exp":\(Date.now.timeIntervalSince1970 + expires),"notify":{"publish":\(list(publish)),\
            "subscribe":\(list(subscribe)),"delete":\(list(delete)),"admin":\(admin)}}
            """,
            secret: secret
        )
    }

    static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    struct Claims: JWTPayload {
        var sub = "u42"
        var exp = Date.now.timeIntervalSince1970.rounded() + 3600
        var notify = ["subscribe": ["*"], "publish": ["*"]]

        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    /// A token of a private key, made by the library.
    static func token(_ keys: JWTKeyCollection, keyID: String? = nil) async throws -> String {
        var header = JWTHeader()
        header.kid = keyID
        return try await keys.sign(Claims(), header: header)
    }
}
