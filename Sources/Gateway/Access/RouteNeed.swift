import Broker

/// What a route needs. There is no route without one.
public struct RouteNeed: Sendable {
    private enum Kind {
        case nothing, application
        /// An application judges the requests itself, tokens among them.
        case administration
        /// A right to each group that the request names, in its path or in the rest of it.
        case groups(Right)
        /// Shows those groups for which there is a right.
        case listing(Right)
        /// A right to any group at all, out of several; what is done with groups is judged as it comes.
        case anyOf([Right])
        /// A right to the server.
        case server(Right)
    }

    private let kind: Kind

    /// Nothing: it tells everybody the same, and nothing of any group.
    public static let nothing = RouteNeed(kind: .nothing)
    /// An application judges the requests itself.
    public static let application = RouteNeed(kind: .application)

    /// An application judges the requests itself, by ``GatewayContext/administrator`` too. A token that does not count is
    /// refused before.
    public static let administration = RouteNeed(kind: .administration)

    static func groups(_ right: Right) -> RouteNeed { RouteNeed(kind: .groups(right)) }
    static func any(of rights: [Right]) -> RouteNeed { RouteNeed(kind: .anyOf(rights)) }
    static func listing(_ right: Right) -> RouteNeed { RouteNeed(kind: .listing(right)) }
    static func server(_ right: Right) -> RouteNeed { RouteNeed(kind: .server(right)) }

    /// The right with which it uses groups; nil where it uses none, or where an application decides.
    var right: Right? {
        switch kind {
        case .groups(let right), .listing(let right): right
        case .nothing, .application, .administration, .anyOf, .server: nil
        }
    }

    /// Refuses whoever cannot have what it needs, whatever else the request says.
    ///
    /// - Throws: ``Problem``: 401, 403.
    func check(_ principal: Principal) throws(Problem) {
        switch kind {
        case .nothing, .application: return
        case .groups(let right): try principal.checkAny(right)
        case .listing, .administration: try principal.checkToken()
        case .anyOf(let rights):
            guard !rights.contains(where: { principal.mayAny($0) }), let first = rights.first else { return }
            try principal.checkAny(first)
        case .server(let right): try principal.checkAny(right)
        }
    }
}

/// The right that a route needs, on behalf of whoever asks. Whatever uses a group of the request asks it first.
struct GroupAccess: Sendable {
    let principal: Principal
    /// Nil where the route uses no groups: it is refused all of them.
    let right: Right?

    func may(_ group: GroupName) -> Bool {
        right.map { principal.may($0, .group(group)) } ?? false
    }

    /// - Throws: ``Problem``: 401, 403, with what to do.
    func check(_ group: GroupName) throws(Problem) {
        guard let right else { return try Principal.nobody.check(.subscribe, .group(group)) }
        try principal.check(right, .group(group))
    }

    /// - Returns: The pattern as it may be followed: without the groups of applications.
    /// - Throws: ``Problem``: 401, 403, where the right does not cover the pattern.
    func check(_ pattern: ChannelPattern) throws(Problem) -> ChannelPattern {
        guard let right else {
            try Principal.nobody.check(.subscribe, .pattern(pattern))
            return pattern
        }
        try principal.check(right, .pattern(pattern))
        return principal.followable(pattern)
    }

    /// What the names of all groups begin with that it may use; none of them begins with another.
    var prefixes: [String] { right.map { principal.prefixes($0) } ?? [] }
}
