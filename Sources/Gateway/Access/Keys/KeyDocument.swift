import Broker
import Foundation
import JWTKit

/// What a file or an address with keys holds: PEM, a JWK, a set of them, or a secret.
enum KeyDocument {
    /// A larger one is refused, in bytes.
    static let maximumBytes = 1 << 20
    /// More keys are refused: each of them may be tried for a token without `kid`.
    static let maximumKeys = 100

    /// Why a document has no keys: a sentence that begins in its midst.
    struct Fault: Error {
        let why: String
    }

    /// - Parameter isSet: Whether it must be a set of JWKs, as an address gives it.
    static func keys(in bytes: [UInt8], isSet: Bool = false) async throws(Fault) -> [VerificationKey] {
        guard bytes.count <= maximumBytes else { throw Fault(why: "it is larger than 1 MiB.") }
        let bytes = bytes.starts(with: byteOrderMark) ? Array(bytes.dropFirst(byteOrderMark.count)) : bytes
        let start = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        let keys: [VerificationKey]
        if start == UInt8(ascii: "{") {
            keys = try await JSONWebKeys(bytes).keys(mayBeEmpty: isSet)
        } else if isSet {
            throw Fault(why: "it is no JWK set, which is JSON with 'keys'.")
        } else if let text = String(validating: bytes, as: UTF8.self), text.contains("-----BEGIN ") {
            keys = try await PEMKeys.keys(in: text)
        } else {
            keys = [try secret(bytes)]
        }
        guard keys.count <= maximumKeys else { throw Fault(why: "it has more than \(maximumKeys) keys.") }
        return keys
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Whether a text is a key of another form. Taken as a secret it would be one that everybody knows.
    private static func looksPublic(_ bytes: [UInt8]) -> Bool {
        if ["[", "\"", "ssh-", "ecdsa-", "sk-ssh", "<"].contains(where: { bytes.starts(with: $0.utf8) }) {
            return true
        }
        // UTF-16, which begins with a mark of its own.
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return true }
        let text = bytes.filter { ![0x20, 0x0A, 0x0D].contains($0) && $0 != UInt8(ascii: "=") }
        let plain = text.map {
            $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
        }
        return isDER(bytes) || (Base64URL.decode(plain).map(isDER) ?? false)
    }

    /// A sequence whose length is that of the whole (X.690 §8.1.3), as keys and certificates are.
    private static func isDER(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 4, bytes[0] == 0x30 else { return false }
        let (first, rest) = (Int(bytes[1]), bytes.count)
        if first < 0x80 { return abs(rest - 2 - first) <= 2 }
        let count = first & 0x7F
        guard (1...3).contains(count), rest > 2 + count else { return false }
        let length = bytes[2..<2 + count].reduce(0) { $0 << 8 | Int($1) }
        return abs(rest - 2 - count - length) <= 2
    }

    private static func secret(_ bytes: [UInt8]) throws(Fault) -> VerificationKey {
        var bytes = bytes
        // An editor and `echo` put one there.
        if bytes.last == 0x0A { bytes.removeLast() }
        if bytes.last == 0x0D { bytes.removeLast() }
        guard !looksPublic(bytes) else {
            throw Fault(
                why:
                    "it is a key in a form that is not taken: give it as PEM ('openssl pkey -pubin -inform DER -in FILE' makes "
                    + "that of DER) or as a JWK."
            )
        }
        guard bytes.count >= VerificationKey.shortestSecret else {
            throw Fault(
                why:
                    "it is no PEM and no JWK, and as a secret it is too short: \(bytes.count) bytes. A secret has at least "
                    + "\(VerificationKey.shortestSecret); 'openssl rand -hex 32' makes one."
            )
        }
        return VerificationKey(secret: bytes)
    }
}

/// Public keys as PEM (RFC 7468).
private enum PEMKeys {
    static func keys(in text: String) async throws(KeyDocument.Fault) -> [VerificationKey] {
        var keys: [VerificationKey] = []
        for block in text.components(separatedBy: "-----BEGIN ").dropFirst() {
            guard keys.count < KeyDocument.maximumKeys else { break }
            keys.append(try await key(in: "-----BEGIN " + block))
        }
        return keys
    }

    private static func key(in block: String) async throws(KeyDocument.Fault) -> VerificationKey {
        let label = block.dropFirst("-----BEGIN ".count).components(separatedBy: "-----").first ?? ""
        guard !label.hasSuffix("PRIVATE KEY") else {
            throw KeyDocument.Fault(
                why:
                    "it is a private key. Give the public one, which is all that a server needs: 'openssl pkey -in FILE "
                    + "-pubout' prints it."
            )
        }
        do {
            if let key = try? JWTKit.Insecure.RSA.PublicKey(pem: block) { return try await VerificationKey(rsa: key) }
            if let key = try? ES256PublicKey(pem: block) { return try await VerificationKey(ecdsa: key) }
            if let key = try? ES384PublicKey(pem: block) { return try await VerificationKey(ecdsa: key) }
            if let key = try? EdDSA.PublicKey(pem: block) { return try await VerificationKey(eddsa: key) }
            if label == "CERTIFICATE" {
                if let key = try? JWTKit.Insecure.RSA.PublicKey(certificatePEM: block) {
                    return try await VerificationKey(rsa: key)
                }
                if let key = try? ES256PublicKey(certificate: block) { return try await VerificationKey(ecdsa: key) }
                if let key = try? ES384PublicKey(certificate: block) { return try await VerificationKey(ecdsa: key) }
            }
        } catch {
            throw KeyDocument.Fault(why: "its key cannot be used: \(error).")
        }
        throw KeyDocument.Fault(
            why:
                "its PEM (\(label.quotedForPeople)) is no public key that can be used: RSA of at least 2048 bits, P-256, P-384 "
                + "or Ed25519."
        )
    }
}
