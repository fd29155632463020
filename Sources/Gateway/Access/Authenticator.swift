import Broker
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

    /// - Parameter keys: Nil where there is no access control.
    init(
        _ terms: AccessTerms,
        _ configuration: AccessConfiguration,
        keys: AccessKeys?,
        counters: Counters,
        wallClock: @escaping @Sendable () -> Timestamp
    ) {
        (self.terms, self.keys, self.counters, self.wallClock) = (terms, keys, counters, wallClock)
        rules = TokenRules(configuration)
        remembered = RememberedTokens(limit: configuration.rememberedTokens)
    }

    /// - Parameter head: Loses a token that stands in its address, or among the subprotocols of a WebSocket.
    func principal(
        of head: inout HTTPRequestHead,
        _ fields: AccessFields,
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
            let snapshot = keys.current
            do throws(TokenFault) {
                return .token(try verified(text, snapshot), terms)
            } catch {
                return refused(error, unknownTo: error.isOfUnknownKey && keys.keySet != nil ? snapshot : nil)
            }
        }
    }

    private func refused(_ fault: TokenFault, unknownTo keys: KeySnapshot? = nil) -> Principal {
        counters.refusedTokens.add(1)
        return .refused(.badToken(fault.why), unknownTo: keys)
    }

    /// In bytes.
    private static let longestRemembered = 4 << 10

    private func verified(_ text: String, _ keys: KeySnapshot) throws(TokenFault) -> VerifiedToken {
        let digest = TokenRules.digest(of: text)
        let now = wallClock()
        if let token = remembered.find(digest, keys) {
            do throws(TokenFault) { try token.check(at: now) } catch {
                remembered.forget(digest)
                throw error
            }
            return token
        }
        let token = try rules.verify(text, keys, now: now)
        // What stays in memory is bounded by number; a long token has many patterns.
        if text.utf8.count <= Self.longestRemembered { remembered.remember(token, as: digest, keys) }
        return token
    }
}
