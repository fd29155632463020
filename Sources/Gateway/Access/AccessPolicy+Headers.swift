import HTTPTypes
import NIOHTTP1

extension AccessPolicy {
    /// Whether every answer says that it depends on `Origin`: without that, a cache could give the answer for one page to
    /// another, which its browser then refuses.
    var variesByOrigin: Bool { !origins.isEmpty }

    /// What an answer carries where origins are allowed (Fetch standard, CORS protocol); nothing otherwise.
    ///
    /// - Parameter vary: What else the answer depends on. Older caches look at one `Vary` only, so there is only one.
    func headers(for head: HTTPRequestHead, vary: [String] = []) -> [(String, String)] {
        guard variesByOrigin else { return [] }
        let vary = ("vary", (vary + ["origin"]).joined(separator: ", "))
        guard let origin = head.headers.first(name: "origin")?.trimmed else { return [vary] }
        if origins.names(origin) {
            return [
                ("access-control-allow-origin", String(origin)), ("access-control-allow-credentials", "true"),
                ("access-control-expose-headers", Self.exposed), vary,
            ]
        }
        guard origins.includeAll else { return [vary] }
        return [
            ("access-control-allow-origin", "*"), ("access-control-expose-headers", Self.exposed), vary,
        ]
    }

    private static let exposed = "location, retry-after, www-authenticate, x-request-id"

    /// The answer to `OPTIONS`: to a preflight too, beside ``headers(for:vary:)``.
    ///
    /// - Parameter allowed: The methods, with commas between.
    static func options(_ allowed: String) -> Answer {
        var headers = preflight
        headers[.allow] = allowed
        return Answer(status: .noContent, headers: headers)
    }

    /// The answer to `OPTIONS *` (RFC 9110 §9.3.7), which asks about the server and no path of it.
    static var optionsOfServer: Answer { options("DELETE, GET, HEAD, OPTIONS, POST") }

    /// The last three of the headers are what libraries add that stand in for `EventSource`.
    private static let preflight: HTTPFields = [
        .accessControlAllowMethods: "GET, HEAD, POST, DELETE, OPTIONS",
        .accessControlAllowHeaders:
            "content-type, last-event-id, idempotency-key, authorization, traceparent, tracestate, x-csrftoken, "
            + "cache-control, pragma, x-requested-with",
        .accessControlMaxAge: "600",
    ]
}
