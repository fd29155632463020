import Broker
import Crypto
import Foundation

/// All keys at one moment.
final class KeySnapshot: Sendable {
    struct Entry: Sendable {
        let key: VerificationKey
        let access: AccessKey
    }

    /// In the order in which they are tried.
    let entries: [Entry]
    /// API keys by the SHA-256 of their texts.
    private let apiKeys: [[UInt8]: VerifiedToken]

    init(entries: [Entry] = [], apiKeys: [[UInt8]: VerifiedToken] = [:]) {
        (self.entries, self.apiKeys) = (entries, apiKeys)
    }

    /// The keys that a token may have been signed with: those that it names, else those that have no name.
    func candidates(for header: TokenHeader) -> [Entry] {
        let fitting = entries.filter { $0.key.algorithms[header.algorithm] != nil }
        guard let keyID = header.keyID else { return fitting }
        let named = fitting.filter { $0.key.keyID == keyID }
        return named.isEmpty ? fitting.filter { $0.key.keyID == nil } : named
    }

    /// A key is looked up by its hash: how long that takes tells nothing of the keys there are.
    func apiKey(_ digest: [UInt8]) -> VerifiedToken? { apiKeys[digest] }

    /// The next one, after its sources were read anew: what is the same in both keeps its identity.
    func next(keys: [VerificationKey], apiKeys file: APIKeyFile) -> (snapshot: KeySnapshot, gone: [AccessKey]) {
        var old = Dictionary(entries.map { ($0.key.identity, $0.access) }) { first, _ in first }
        var entries: [Entry] = []
        var taken: [VerificationKey.Identity: AccessKey] = [:]
        for key in keys where taken[key.identity] == nil {
            let access = old.removeValue(forKey: key.identity) ?? AccessKey()
            taken[key.identity] = access
            entries.append(Entry(key: key, access: access))
        }
        var oldAPIKeys = apiKeys
        var newAPIKeys: [[UInt8]: VerifiedToken] = [:]
        for entry in file.keys {
            let digest = entry.digest
            if let known = apiKeys[digest], known.rights == entry.rights {
                newAPIKeys[digest] = known
                oldAPIKeys[digest] = nil
            } else {
                newAPIKeys[digest] = VerifiedToken(
                    digest: digest,
                    rights: entry.rights,
                    name: entry.name,
                    key: AccessKey(),
                    isAPIKey: true
                )
            }
        }
        let snapshot = KeySnapshot(entries: entries, apiKeys: newAPIKeys)
        return (snapshot, Array(old.values) + oldAPIKeys.values.map(\.key))
    }

    /// How many there are of each kind.
    var counts: (keys: Int, apiKeys: Int) { (entries.count, apiKeys.count) }
}

extension APIKeyFile.Entry {
    /// The bytes of its hash, which are known to be hexadecimal.
    fileprivate var digest: [UInt8] {
        let digits = Array(sha256.utf8).map {
            UInt8(truncatingIfNeeded: Character(Unicode.Scalar($0)).hexDigitValue ?? 0)
        }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
