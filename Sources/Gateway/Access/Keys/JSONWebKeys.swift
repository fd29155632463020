import Foundation
import JWTKit

/// JSON Web Keys (RFC 7517): one, or a set.
struct JSONWebKeys {
    private struct WebKey: Decodable {
        let kty: String
        let kid: String?
        let alg: String?
        let use: String?
        let crv: String?
        let n: String?
        let e: String?
        let x: String?
        let y: String?
        let k: String?

        enum CodingKeys: CodingKey {
            case kty, kid, alg, use, crv, n, e, x, y, k
        }
    }

    private struct WebKeySet: Decodable {
        let keys: [Entry]
    }

    /// One that is no key is passed over in a set (RFC 7517 §5).
    private struct Entry: Decodable {
        let key: WebKey?

        init(from decoder: any Decoder) throws {
            key = try? WebKey(from: decoder)
        }
    }

    private let webKeys: [WebKey]
    private let isSet: Bool

    init(_ bytes: [UInt8]) throws(KeyDocument.Fault) {
        let data = Data(bytes)
        if let set = try? JSONDecoder().decode(WebKeySet.self, from: data) {
            (webKeys, isSet) = (set.keys.compactMap(\.key), true)
            guard set.keys.count <= KeyDocument.maximumKeys else {
                throw KeyDocument.Fault(why: "it has more than \(KeyDocument.maximumKeys) keys.")
            }
        } else if let key = try? JSONDecoder().decode(WebKey.self, from: data) {
            (webKeys, isSet) = ([key], false)
        } else {
            throw KeyDocument.Fault(
                why: "it is neither a JWK, which is JSON with 'kty', nor a set of them with 'keys'."
            )
        }
    }

    /// The keys that can be used. In a set, others are passed over: it may hold keys for other purposes.
    ///
    /// - Parameter mayBeEmpty: Whether a set without any is an answer: its issuer has taken all keys away.
    func keys(mayBeEmpty: Bool = false) async throws(KeyDocument.Fault) -> [VerificationKey] {
        var keys: [VerificationKey] = []
        var fault = KeyDocument.Fault(why: "it has no keys.")
        for webKey in webKeys {
            do throws(KeyDocument.Fault) {
                keys.append(try await Self.key(webKey))
            } catch {
                fault = error
                if !isSet { throw error }
            }
        }
        guard !keys.isEmpty || (isSet && mayBeEmpty) else { throw fault }
        return keys
    }

    private static func key(_ webKey: WebKey) async throws(KeyDocument.Fault) -> VerificationKey {
        guard webKey.use == nil || webKey.use == "sig" else {
            throw KeyDocument.Fault(why: "its key is not for signatures ('use').")
        }
        let key: VerificationKey
        do {
            key = try await keyOfKind(webKey)
        } catch let fault as KeyDocument.Fault {
            throw fault
        } catch {
            throw KeyDocument.Fault(why: "its key of the kind '\(webKey.kty.prefix(20))' is damaged or too short.")
        }
        guard let algorithm = webKey.alg else { return key }
        guard let pinned = key.only(algorithm) else {
            throw KeyDocument.Fault(
                why: "its key has the algorithm '\(algorithm.prefix(20))', which is none for its kind: "
                    + key.algorithms.keys.sorted().joined(separator: ", ") + "."
            )
        }
        return pinned
    }

    private static func keyOfKind(_ webKey: WebKey) async throws -> VerificationKey {
        switch (webKey.kty, webKey.crv) {
        case ("RSA", _):
            let key = try JWTKit.Insecure.RSA.PublicKey(modulus: webKey.n ?? "", exponent: webKey.e ?? "")
            return try await VerificationKey(rsa: key, keyID: webKey.kid)
        case ("EC", "P-256"):
            let key = try ES256PublicKey(parameters: (webKey.x ?? "", webKey.y ?? ""))
            return try await VerificationKey(ecdsa: key, keyID: webKey.kid)
        case ("EC", "P-384"):
            let key = try ES384PublicKey(parameters: (webKey.x ?? "", webKey.y ?? ""))
            return try await VerificationKey(ecdsa: key, keyID: webKey.kid)
        case ("OKP", "Ed25519"):
            let key = try EdDSA.PublicKey(x: webKey.x ?? "", curve: .ed25519)
            return try await VerificationKey(eddsa: key, keyID: webKey.kid)
        case ("oct", _):
            guard let secret = Base64URL.decode((webKey.k ?? "").utf8), secret.count >= VerificationKey.shortestSecret
            else {
                throw KeyDocument.Fault(
                    why: "its secret ('k') is shorter than \(VerificationKey.shortestSecret) bytes."
                )
            }
            return VerificationKey(secret: secret, keyID: webKey.kid)
        default:
            throw KeyDocument.Fault(
                why:
                    "its key is of a kind that is not known: there are RSA, EC with P-256 or P-384, OKP with Ed25519, and oct."
            )
        }
    }
}
