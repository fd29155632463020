public import Broker

/// Somebody whose token or API key has the right `admin`, for the pages and streams of applications.
public struct Administrator: Sendable {
    /// The user of the token (`sub`); nil for an API key, and for a token without one.
    public let user: String?
    /// SHA-256 of the token's text.
    public let digest: [UInt8]
    /// When the token ends, by the wall clock; nil: never.
    public let endsAt: Timestamp?
    /// Ends what was opened with it when its key goes. Give it to streams (``StreamGrant/end``).
    public let end: StreamEnd
}

extension Principal {
    /// Nil where there is no token, and where its right `admin` lacks. Without keys, nobody is one.
    var administrator: Administrator? {
        guard let token, token.rights.grantAny(.admin) else { return nil }
        return Administrator(user: token.user, digest: token.digest, endsAt: token.endsAt, end: token.key.end)
    }
}

extension GatewayContext {
    /// Whoever sends the request, where a token shows the right `admin`.
    public var administrator: Administrator? { principal.administrator }

    /// For a page that needs an administrator, on a server with keys.
    ///
    /// - Throws: 401 without a token, 403 for one that lacks the right `admin`; both say what to do.
    public func checkAdministrator() throws { try principal.checkAny(.admin) }
}
