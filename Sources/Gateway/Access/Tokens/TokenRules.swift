import Broker
import Crypto
import Foundation

/// Judges tokens and API keys. Pure: keys and time come from outside.
struct TokenRules: Sendable {
    let issuer: String?
    let audience: String?
    /// In milliseconds.
    let leeway: Int64
    let maximumLifetime: Int64?

    init(_ configuration: AccessConfiguration) {
        (issuer, audience) = (configuration.issuer, configuration.audience)
        leeway = configuration.leeway.milliseconds
        maximumLifetime = configuration.maximumLifetime?.milliseconds
    }

    /// - Throws: ``TokenFault``: why it does not count.
    func verify(_ text: String, _ keys: KeySnapshot, now: Timestamp) throws(TokenFault) -> VerifiedToken {
        guard !text.isEmpty else { throw TokenFault("it is empty.") }
        if text.utf8.starts(with: APIKeyFile.prefix.utf8) {
            guard let key = keys.apiKey(Self.digest(of: text)) else {
                throw TokenFault("the API key is not known: it was removed, or is another server's.")
            }
            return key
        }
        let token = try TokenText(text)
        let key = try verifySignature(of: token, keys)
        let claims = try TokenClaims(token.payload)
        return VerifiedToken(
            digest: Self.digest(of: text),
            rights: claims.rights,
            user: claims.subject,
            info: claims.info,
            endsAt: try checkTimes(claims, now.milliseconds),
            key: try checkParties(claims, key.access),
            keyID: key.key.keyID,
            namesRights: claims.namesRights
        )
    }

    static func digest(of text: String) -> VerifiedToken.Digest { Array(SHA256.hash(data: Data(text.utf8))) }

    private func verifySignature(of token: TokenText, _ keys: KeySnapshot) throws(TokenFault) -> KeySnapshot.Entry {
        let algorithm = token.header.algorithm
        let candidates = keys.candidates(for: token.header)
        guard !candidates.isEmpty else {
            let shown = "'\(algorithm.prefix(20))'"
            throw TokenFault(
                algorithm.lowercased() == "none"
                    ? "it is not signed (alg 'none')."
                    : "no key of this server fits its algorithm \(shown)"
                        + (token.header.keyID == nil ? "." : " and its 'kid'."),
                isOfUnknownKey: token.header.keyID != nil
            )
        }
        for entry in candidates where entry.key.algorithms[algorithm]?(token.signature, token.signed) ?? false {
            return entry
        }
        throw TokenFault(
            "its signature is not that of a key of this server.",
            isOfUnknownKey: token.header.keyID.map { keyID in !keys.entries.contains { $0.key.keyID == keyID } }
                ?? false
        )
    }

    /// - Returns: When it ends.
    private func checkTimes(_ claims: TokenClaims, _ now: Int64) throws(TokenFault) -> Timestamp? {
        if let notBefore = claims.notBefore.map(Self.milliseconds), notBefore - leeway > now {
            throw TokenFault("it is not valid yet ('nbf').")
        }
        if let issued = claims.issued.map(Self.milliseconds), issued - leeway > now {
            throw TokenFault("it was issued in the future ('iat'): check the clocks.")
        }
        guard let expires = claims.expires.map(Self.milliseconds) else {
            guard maximumLifetime == nil else {
                throw TokenFault("it has no end ('exp'), and this server wants one (--jwt-max-lifetime).")
            }
            return nil
        }
        guard expires + leeway > now else { throw TokenFault("it has expired.") }
        if let maximumLifetime, expires - now > maximumLifetime {
            throw TokenFault("its end ('exp') is further away than this server allows (--jwt-max-lifetime).")
        }
        return Timestamp(milliseconds: expires + leeway)
    }

    private func checkParties(_ claims: TokenClaims, _ key: AccessKey) throws(TokenFault) -> AccessKey {
        if let issuer, claims.issuer != issuer {
            throw TokenFault("it was not issued by whom this server trusts ('iss').")
        }
        if let audience, !claims.audiences.contains(audience) {
            throw TokenFault("it is not for this server ('aud').")
        }
        return key
    }

    /// Within a range in which sums do not overflow: three hundred thousand years.
    private static func milliseconds(_ seconds: TokenClaims.Seconds) -> Int64 {
        Int64(max(-1e13, min(seconds, 1e13)) * 1000)
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
