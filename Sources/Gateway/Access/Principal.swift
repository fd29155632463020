import Broker
import HTTPTypes

/// What can be done, with a topic or with the server.
enum Right: String, Hashable, Sendable, CaseIterable {
    case publish, subscribe, delete, admin, layer
}

/// What holds for all requests of a server.
final class AccessTerms: Sendable {
    /// The public routes refuse them, so that nobody reads past an application's access check or writes under another's
    /// name.
    let applicationGroups: Set<GroupName>
    /// What anybody may do, with a token or without, where there are keys.
    let everybody: Rights

    init(applicationGroups: Set<GroupName> = [], everybody: Rights = .none) {
        (self.applicationGroups, self.everybody) = (applicationGroups, everybody)
    }

    fileprivate static let none = AccessTerms()
}

/// On whose behalf a request comes, and what that allows.
struct Principal: Sendable {
    private enum Kind {
        /// Anybody who reaches a server without keys. Everybody may use all groups but an application's.
        case open
        /// Nobody who is known, on a server with keys.
        case anonymous
        /// Whoever has a token or an API key.
        case token(VerifiedToken)
        /// Whoever has a token that does not count. Nothing is allowed, not even what anybody may do.
        case refused(Problem, unknownTo: KeySnapshot?)
    }

    private let kind: Kind
    private let terms: AccessTerms

    private init(_ kind: Kind, _ terms: AccessTerms) {
        (self.kind, self.terms) = (kind, terms)
    }

    /// Nobody may do anything.
    static let nobody = Principal(.anonymous, .none)

    /// Those who run the server, on a port of their own.
    static let operations = Principal(.open, .none)

    static func open(_ terms: AccessTerms) -> Principal { Principal(.open, terms) }
    static func anonymous(_ terms: AccessTerms) -> Principal { Principal(.anonymous, terms) }
    static func token(_ token: VerifiedToken, _ terms: AccessTerms) -> Principal { Principal(.token(token), terms) }
    static func refused(_ problem: Problem, unknownTo keys: KeySnapshot? = nil) -> Principal {
        Principal(.refused(problem, unknownTo: keys), .none)
    }

    /// The keys that did not have the token's, where those at an address may have it by now.
    var unknownTo: KeySnapshot? {
        if case .refused(_, let keys) = kind { keys } else { nil }
    }

    /// The token or API key that it has shown.
    var token: VerifiedToken? {
        if case .token(let token) = kind { token } else { nil }
    }

    func may(_ right: Right, _ topic: Topic) -> Bool {
        refusal(right, topic) == nil
    }

    /// - Throws: ``Problem``: 401 where a token is missing or bad, else 403 with what to do.
    func check(_ right: Right, _ topic: Topic) throws(Problem) {
        if let refusal = refusal(right, topic) { throw refusal }
    }

    /// To be asked before a request is read on: whether it can come to have the right, for some group.
    ///
    /// - Throws: ``Problem``: 401 where a token is missing or bad, 403 where it does not have the right for any group.
    func checkAny(_ right: Right) throws(Problem) {
        switch kind {
        case .open: return
        case .anonymous:
            if !terms.everybody.grantAny(right) { throw .noToken(right) }
        case .token(let token):
            if !token.rights.grantAny(right), !terms.everybody.grantAny(right) {
                throw .noRight(right, hint: token.hint(at: right))
            }
        case .refused(let problem, _): throw problem
        }
    }

    /// Whether it has the right for some group, or at all.
    func mayAny(_ right: Right) -> Bool {
        do throws(Problem) { try checkAny(right) } catch { return false }
        return true
    }

    /// - Throws: ``Problem``: 401 for a token that does not count; nothing where there is none.
    func checkToken() throws(Problem) {
        if case .refused(let problem, _) = kind { throw problem }
    }

    /// - Throws: ``Problem``: 401 for a token that has ended since it was checked, or whose key is gone.
    func checkTime(_ now: @autoclosure () -> Timestamp) throws(Problem) {
        guard case .token(let token) = kind else { return }
        do throws(TokenFault) { try token.check(at: now()) } catch { throw .badToken(error.why) }
    }

    /// What it may do on a route.
    func access(for need: RouteNeed) -> GroupAccess { GroupAccess(principal: self, right: need.right) }

    private func refusal(_ right: Right, _ topic: Topic) -> Problem? {
        switch kind {
        case .open: break
        case .anonymous:
            guard terms.everybody.grant(right, topic) else { return .noToken(right, topic) }
        case .token(let token):
            guard token.rights.grant(right, topic) || terms.everybody.grant(right, topic) else {
                return .noRight(right, topic, hint: token.hint(at: right))
            }
        case .refused(let problem, _): return problem
        }
        // A pattern is not refused: it does not match them, see ``followable(_:)``.
        guard case .group(let group) = topic, terms.applicationGroups.contains(group) else { return nil }
        return Problem(
            .forbidden,
            "The group '\(group)' belongs to an application of this server: use the application's own pages."
        )
    }

    /// The pattern as it may be followed: it matches none of an application's groups.
    func followable(_ pattern: ChannelPattern) -> ChannelPattern {
        pattern.excluding(terms.applicationGroups)
    }

    /// What the names of all groups begin with for which it has a right; none of them begins with another.
    func prefixes(_ right: Right) -> [String] {
        switch kind {
        case .open: [""]
        case .anonymous: terms.everybody.groups(right).prefixes
        case .token(let token): token.rights.groups(right).union(terms.everybody.groups(right)).prefixes
        case .refused: []
        }
    }
}
