public import Broker
import NIOCore

/// A token or an API key that counted lately, as operators see it.
public struct SeenToken: Sendable {
    /// Its user (`sub`); nil for an API key, and for a token without one.
    public let user: String?
    /// The name of the API key; nil for a token.
    public let apiKey: String?
    /// The name of the key that vouches for the token (`kid`); nil where that has none.
    public let keyID: String?
    /// What it grants, in short.
    public let rights: String
    /// On this start of the server.
    public let firstSeen: Timestamp
    /// When a request or a WebSocket came with it last.
    public let lastSeen: Timestamp
    /// When it ends; nil: never.
    public let endsAt: Timestamp?
    /// Whether it still counts: it has not ended, and its key is there.
    public let counts: Bool
    /// Open streams, long polls and WebSockets that came with it.
    public let connections: Int
}

extension OpenStreams {
    /// The tokens and API keys that counted lately, those first that were used last. At most a thousand are kept.
    ///
    /// - Parameter limit: At most so many.
    /// - Returns: Some of them, and how many there are.
    public func tokens(limit: Int) async -> (tokens: [SeenToken], count: Int) {
        await withLoops { loops in
            guard let first = loops.first else { return ([], 0) }
            var open: [VerifiedToken.Digest: Int] = [:]
            for loop in loops {
                let counts = try? await loop.eventLoop.submit { loop.value.shard.openByToken }.get()
                open.merge(counts ?? [:], uniquingKeysWith: +)
            }
            let seen = try? await first.eventLoop.submit {
                (entries: first.value.shard.shared.seenTokens.all, now: first.value.shard.settings.wallClock())
            }.get()
            guard let seen else { return ([], 0) }
            let tokens = seen.entries.prefix(limit).compactMap { SeenToken($0, now: seen.now, open: open) }
            return (tokens, seen.entries.count)
        }
    }
}

extension SeenToken {
    fileprivate init?(_ entry: SeenTokens.Entry, now: Timestamp, open: [VerifiedToken.Digest: Int]) {
        guard let token = entry.token else { return nil }
        var counts = true
        do throws(TokenFault) { try token.check(at: now) } catch { counts = false }
        self.init(
            user: token.user,
            apiKey: token.isAPIKey ? token.name : nil,
            keyID: token.keyID,
            rights: token.rights.summary,
            firstSeen: entry.firstSeen,
            lastSeen: entry.lastSeen,
            endsAt: token.endsAt,
            counts: counts,
            connections: open[token.digest] ?? 0
        )
    }
}

extension Shard {
    /// Open streams, polls and sockets by the token with which they came.
    fileprivate var openByToken: [VerifiedToken.Digest: Int] {
        var counts: [VerifiedToken.Digest: Int] = [:]
        // A socket counts once, whatever it follows.
        for stream in allStreams where stream.isOpen && stream.transport != .webSocket {
            if let token = stream.request.origin.token { counts[token.digest, default: 0] += 1 }
        }
        for socket in sockets.all where socket.isOpen {
            if let token = socket.principal.token { counts[token.digest, default: 0] += 1 }
        }
        return counts
    }
}
