import Broker

/// Tokens that were checked already, so that a signature is checked once. Those that are used stay; of the others the
/// oldest go.
///
/// Confined to its event loop.
struct RememberedTokens {
    /// Comparing those tells nothing of the tokens.
    typealias Digest = VerifiedToken.Digest

    private let limit: Int
    /// Of which keys they are.
    private var keys: KeySnapshot
    private var recent: [Digest: VerifiedToken] = [:]
    /// Those that were not used since `recent` was begun.
    private var older: [Digest: VerifiedToken] = [:]

    /// - Parameter limit: How many are kept at most; at least 2.
    init(limit: Int) {
        self.limit = limit
        keys = KeySnapshot()
    }

    var count: Int { recent.count + older.count }

    mutating func find(_ digest: Digest, _ keys: KeySnapshot) -> VerifiedToken? {
        forgetIfChanged(keys)
        if let token = recent[digest] { return token }
        guard let token = older.removeValue(forKey: digest) else { return nil }
        keep(token, digest)
        return token
    }

    mutating func remember(_ token: VerifiedToken, as digest: Digest, _ keys: KeySnapshot) {
        forgetIfChanged(keys)
        keep(token, digest)
    }

    mutating func forget(_ digest: Digest) {
        recent[digest] = nil
        older[digest] = nil
    }

    private mutating func keep(_ token: VerifiedToken, _ digest: Digest) {
        if recent.count >= max(1, limit / 2) {
            older = recent
            recent = [:]
        }
        recent[digest] = token
    }

    private mutating func forgetIfChanged(_ keys: KeySnapshot) {
        guard keys !== self.keys else { return }
        self.keys = keys
        (recent, older) = ([:], [:])
    }
}
