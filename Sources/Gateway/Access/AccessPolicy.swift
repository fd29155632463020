import Broker
import HTTPTypes
import Logging
import NIOHTTP1

/// Decides which requests may come, whoever sends them. It checks `Host` and `Origin` of every request, before its path.
///
/// A page of another site can make a browser send requests to a server on loopback, by its address or by a name of its own
/// that resolves there (DNS rebinding). All that is looked at here is the browser's own; a page cannot change it.
struct AccessPolicy: Sendable {
    private let hosts: KnownHosts
    let origins: Origins
    private let refusals: RefusalLog
    private let hasKeys: Bool

    init(_ configuration: GatewayConfiguration, _ logger: Logger) {
        hosts = KnownHosts(configuration)
        origins = Origins(configuration.allowedOrigins)
        refusals = RefusalLog(logger)
        hasKeys = configuration.access.hasKeys
    }

    /// - Parameters:
    ///   - head: In origin form.
    ///   - isSecure: Whether the request came encrypted: then this server's own pages have an origin of `https`.
    /// - Throws: ``Problem``: 400 without a `Host` in HTTP/1.1 (RFC 9112 §3.2), or with one that is no host; 403 for a
    ///   foreign one, a foreign origin, and a page of another site that does not say its origin.
    func check(_ head: HTTPRequestHead, _ fields: AccessFields, isSecure: Bool = false) throws(Problem) {
        guard fields.hosts == 1 || (fields.hosts == 0 && !head.usesHTTP11) else {
            throw Problem(.badRequest, "HTTP/1.1 needs exactly one Host header.")
        }
        if fields.hosts == 1 { try check(host: fields.host) }
        // No page can make a browser send a token that the page does not have, so one that does may come from anywhere. A
        // browser does send a password for Basic by itself.
        let hasToken = hasKeys && TokenSource.hasBearer(fields)
        switch fields.origins {
        case 0:
            // A link to a page may be followed from anywhere. Images, scripts and the like of other sites' pages send no
            // origin, so an origin that is allowed by its name cannot be told from others.
            guard fields.site == .crossSite, !hasToken, !(head.method == .GET && fields.isNavigation),
                !origins.includeAll
            else { return }
            throw Problem(
                .forbidden,
                "A page of another site asks, and does not say which (Sec-Fetch-Site: cross-site). Let it use fetch or "
                    + "EventSource, which send Origin, and allow that origin with --allow-origin.",
                rejection: .origin
            )
        case 1:
            if !hasToken { try check(origin: fields.origin, host: fields.host, isSecure) }
        default:
            throw Problem(.badRequest, "There is more than one Origin header: browsers send one.")
        }
    }

    /// Whether a request comes from a page that may use what the browser keeps for this server, such as a cookie with a
    /// token: one of this server's own, or of an origin that is allowed by its name.
    func isFromTrustedPage(_ method: HTTPMethod, _ fields: AccessFields, isSecure: Bool) -> Bool {
        guard fields.origins == 0 else {
            return origins.names(fields.origin) || Origins.areSame(fields.origin, host: fields.host, isSecure: isSecure)
        }
        // What changes something needs the browser's word for where it comes from: this stands for a form's token.
        return (method == .GET || method == .HEAD) && fields.site <= .same
    }

    private func check(host: Substring) throws(Problem) {
        switch hosts.judge(host) {
        case .ours:
            return
        case .invalid:
            throw Problem(
                .badRequest,
                "The host \(String(host).quotedForPeople) is no host: send a name or an address, and a port if you like, such as "
                    + "'localhost:8080'."
            )
        case .foreign:
            throw Problem(
                .forbidden,
                "This server does not answer to the host \(String(host).quotedForPeople). If that is its name, start it with "
                    + "--allow-host \(host.utf8.isEmpty ? "NAME" : String(host).forOption). Behind a proxy do the same, or let "
                    + "the proxy send 'Host: localhost'.",
                rejection: .host
            )
        }
    }

    private func check(origin: Substring, host: Substring, _ isSecure: Bool) throws(Problem) {
        guard !origins.includeAll, !origins.names(origin), !Origins.areSame(origin, host: host, isSecure: isSecure)
        else { return }
        let text = String(origin)
        refusals.note(text.quotedForPeople)
        guard text != "null" else {
            throw Problem(
                .forbidden,
                "A page without an origin, such as a file, may not use this server. Serve the page over HTTP, or start the "
                    + "server with --allow-origin '*', which allows all pages, without credentials.",
                rejection: .origin
            )
        }
        throw Problem(
            .forbidden,
            "Pages of \(text.quotedForPeople) may not use this server. Start it with --allow-origin "
                + "\(GatewayConfiguration.origin(text) ?? "ORIGIN") to allow them, also where they are this server's own behind "
                + "a proxy.",
            rejection: .origin
        )
    }
}

extension HTTPRequestHead {
    /// Whether its end is not certain: HTTP/1.0 knows no `Transfer-Encoding`, so what follows may be another request only to
    /// one of those who pass it on (RFC 9112 §6.1).
    var isMisframed: Bool { !usesHTTP11 && headers.contains(name: "transfer-encoding") }

    /// Whether the client speaks HTTP/1.1: knows chunks, keeps connections, must send `Host`.
    var usesHTTP11: Bool { version.major > 1 || version == .http1_1 }
}

extension String {
    /// As an example for a command line: a host without its port.
    fileprivate var forOption: String {
        guard utf8.count < 100, let authority = Authority(self[...]) else { return "NAME" }
        return authority.address == nil ? String(Substring(authority.host)) : "'[\(Substring(authority.host))]'"
    }
}
