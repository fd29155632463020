import Crypto
import Foundation
import JWTKit

/// A key that vouches for tokens, and the algorithms that it does so with. A token chooses among these; it cannot bring
/// another kind of algorithm to a key (RFC 8725 §3.1).
struct VerificationKey: Sendable {
    /// Whether a signature is the key's. Never throws: what goes wrong is no signature.
    typealias Check = @Sendable (_ signature: [UInt8], _ signed: [UInt8]) -> Bool

    /// The name by which tokens choose it (`kid`).
    let keyID: String?
    let algorithms: [String: Check]
    /// What the key is, to know it again when its file is read anew.
    let identity: Identity

    struct Identity: Hashable, Sendable {
        let digest: [UInt8]
    }

    private init(_ algorithms: [String: Check], material: some Sequence<UInt8>, keyID: String?) {
        (self.algorithms, self.keyID) = (algorithms, keyID)
        var hash = SHA256()
        for name in algorithms.keys.sorted() { hash.update(data: Data("\(name) ".utf8)) }
        hash.update(data: Data("\(keyID ?? "")\0".utf8))
        hash.update(data: Data(material))
        identity = Identity(digest: Array(hash.finalize()))
    }

    /// The shortest secret, in bytes: as long as the shortest hash (RFC 7518 §3.2).
    static let shortestSecret = 32

    /// - Parameter secret: At least ``shortestSecret`` bytes.
    init(secret: [UInt8], keyID: String? = nil) {
        let key = SymmetricKey(data: secret)
        func check<Hash: HashFunction>(_: Hash.Type) -> Check {
            // In constant time, as the library says.
            { HMAC<Hash>.isValidAuthenticationCode($0, authenticating: $1, using: key) }
        }
        self.init(
            ["HS256": check(SHA256.self), "HS384": check(SHA384.self), "HS512": check(SHA512.self)],
            material: secret,
            keyID: keyID
        )
    }

    init(rsa key: JWTKit.Insecure.RSA.PublicKey, keyID: String? = nil) async throws {
        var algorithms: [String: any JWTAlgorithm] = [:]
        for digest in [DigestAlgorithm.sha256, .sha384, .sha512] {
            for collection in [
                await JWTKeyCollection().add(rsa: key, digestAlgorithm: digest),
                await JWTKeyCollection().add(pss: key, digestAlgorithm: digest),
            ] {
                let algorithm = try await collection.getKey()
                algorithms[algorithm.name] = algorithm
            }
        }
        self.init(algorithms.mapValues(Self.check), material: key.derRepresentation, keyID: keyID)
    }

    init<Curve>(ecdsa key: ECDSA.PublicKey<Curve>, keyID: String? = nil) async throws {
        let algorithm = try await JWTKeyCollection().add(ecdsa: key).getKey()
        let point = key.parameters.map { Array("\($0.x) \($0.y)".utf8) } ?? []
        self.init([algorithm.name: Self.check(algorithm)], material: point, keyID: keyID)
    }

    init(eddsa key: EdDSA.PublicKey, keyID: String? = nil) async throws {
        let algorithm = try await JWTKeyCollection().add(eddsa: key).getKey()
        self.init([algorithm.name: Self.check(algorithm)], material: key.rawRepresentation, keyID: keyID)
    }

    private static func check(_ algorithm: any JWTAlgorithm) -> Check {
        { signature, signed in (try? algorithm.verify(signature, signs: signed)) ?? false }
    }

    /// The same key for one of its algorithms only; nil where it has not that one.
    func only(_ algorithm: String) -> VerificationKey? {
        guard let check = algorithms[algorithm] else { return nil }
        return VerificationKey([algorithm: check], material: identity.digest, keyID: keyID)
    }
}
