import Broker
import Synchronization

/// The tokens and API keys that counted lately, for those who run the server. Of each it keeps what it says, never its text.
///
/// Safe to use from any thread. Event loops come here only with a token that they do not remember.
final class SeenTokens: Sendable {
    struct Entry: Sendable {
        let firstSeen: Timestamp
        /// As the event loops checked it, each by itself and again after the keys were read anew. The newest are last.
        fileprivate(set) var tokens: [VerifiedToken]
        /// Of those that were left out since.
        fileprivate var lastUse: Int64

        /// The newest.
        var token: VerifiedToken? { tokens.last }
        var lastSeen: Timestamp { Timestamp(milliseconds: tokens.reduce(lastUse) { max($0, $1.lastUse) }) }
    }

    /// More are not kept: those go that were used longest ago.
    static let maximum = 1000
    /// Beyond what a server with many loops and few reloads has.
    private static let maximumOfOne = 64

    private let entries = Mutex<[VerifiedToken.Digest: Entry]>([:])

    /// A token has just been checked.
    func note(_ token: VerifiedToken, at now: Timestamp) {
        token.noteUse(at: now)
        entries.withLock { entries in
            var entry = entries[token.digest] ?? Entry(firstSeen: now, tokens: [], lastUse: now.milliseconds)
            if !entry.tokens.contains(where: { $0 === token }) { entry.tokens.append(token) }
            if entry.tokens.count > Self.maximumOfOne {
                entry.lastUse = max(entry.lastUse, entry.tokens.removeFirst().lastUse)
            }
            entries[token.digest] = entry
            if entries.count > Self.maximum { Self.forgetOldest(&entries) }
        }
    }

    /// A tenth at once: each look goes through all of them.
    private static func forgetOldest(_ entries: inout [VerifiedToken.Digest: Entry]) {
        let byUse = entries.map { (digest: $0.key, use: $0.value.lastSeen) }.sorted { $0.use < $1.use }
        for (digest, _) in byUse.prefix(Self.maximum / 10) { entries[digest] = nil }
    }

    /// Whether it has counted, and would now.
    func counts(_ digest: VerifiedToken.Digest, at now: Timestamp) -> Bool {
        guard let token = entries.withLock({ $0[digest]?.token }) else { return false }
        do throws(TokenFault) { try token.check(at: now) } catch { return false }
        return true
    }

    /// All of them, those first that were used last.
    var all: [Entry] { entries.withLock { Array($0.values) }.sorted { $0.lastSeen > $1.lastSeen } }
}
