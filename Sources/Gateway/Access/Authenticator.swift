import Broker
import NIOCore
import NIOHTTP1

/// Says on whose behalf a request comes.
///
/// Confined to its event loop: tokens that were checked are remembered here, so that they cost neither a signature check nor
/// a hop to another thread.
final class Authenticator {
    private let terms: AccessTerms
    let keys: AccessKeys?
    private let rules: TokenRules
    private var remembered: RememberedTokens
    private let wallClock: @Sendable () -> Timestamp
    private let counters: Counters
    private let strangers: Strangers
    private let seen: SeenTokens

    /// - Parameter keys: Nil where there is no access control.
    init(
        _ terms: AccessTerms,
        _ configuration: AccessConfiguration,
        keys: AccessKeys?,
        counters: Counters,
        strangers: Strangers,
        seen: SeenTokens,
        wallClock: @escaping @Sendable () -> Timestamp
    ) {
        (self.terms, self.keys, self.counters, self.wallClock) = (terms, keys, counters, wallClock)
        (self.strangers, self.seen) = (strangers, seen)
        rules = TokenRules(configuration)
        remembered = RememberedTokens(limit: configuration.rememberedTokens)
    }

    /// - Parameters:
    ///   - head: Loses a token that stands in its address, or among the subprotocols of a WebSocket.
    ///   - peer: The other end of the connection.
    func principal(
        of head: inout HTTPRequestHead,
        _ fields: AccessFields,
        from peer: AddressBytes?,
        isFromTrustedPage: @autoclosure () -> Bool
    ) -> Principal {
        guard let keys else { return .open(terms) }
        let configuration = keys.configuration
        let inAddress: TokenSource.Finding =
            configuration.allowsQueryToken ? TokenSource.takeParameter(from: &head.uri) : .none
        var finding = TokenSource.authorization(fields)
        if finding == .none { finding = inAddress }
        if fields.offersSubprotocols, SocketHandshake.isAsked(head) {
            let offered = TokenSource.takeSubprotocol(from: &head.headers)
            if finding == .none { finding = offered }
        }
        if finding == .none {
            let cookie = TokenSource.cookie(configuration.cookie, head.headers)
            // One that a page of another site made the browser send counts as absent.
            if cookie != .none, isFromTrustedPage() { finding = cookie }
        }
        switch finding {
        case .none: return .anonymous(terms)
        case .malformed(let why): return refused(TokenFault(why))
        case .token(let text):
            return principal(text, keys, of: strangers.proxies.client(head.headers, peer: peer)?.forLimits)
        }
    }

    /// - Parameter client: Whose tokens that do not count are counted; asked for only where a token is not known.
    private func principal(
        _ text: String,
        _ keys: AccessKeys,
        of client: @autoclosure () -> AddressBytes?
    ) -> Principal {
        let (snapshot, digest, now) = (keys.current, TokenRules.digest(of: text), wallClock())
        if let token = remembered.find(digest, snapshot) {
            do throws(TokenFault) {
                try token.check(at: now)
                token.noteUse(at: now)
                return .token(token, terms)
            } catch {
                remembered.forget(digest)
                return refused(error)
            }
        }
        let client = client()
        if !seen.counts(digest, at: now), let problem = strangers.tooManyBadTokens(of: client, now: .now()) {
            return .refused(problem)
        }
        do throws(TokenFault) {
            let token = try rules.verify(text, snapshot, now: now)
            // What stays in memory is bounded by number; a long token has many patterns.
            if text.utf8.count <= Self.longestRemembered { remembered.remember(token, as: digest, snapshot) }
            seen.note(token, at: now)
            return .token(token, terms)
        } catch {
            strangers.countBadToken(of: client, now: .now())
            return refused(error, unknownTo: error.isOfUnknownKey && keys.keySet != nil ? snapshot : nil)
        }
    }

    private func refused(_ fault: TokenFault, unknownTo keys: KeySnapshot? = nil) -> Principal {
        counters.refusedTokens.add(1)
        return .refused(.badToken(fault.why), unknownTo: keys)
    }

    /// In bytes.
    private static let longestRemembered = 4 << 10
}
