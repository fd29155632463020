import Broker
import Gateway
import HTTPTypes
import Hummingbird

/// Who showed which rights, and who was refused.
extension AdminPages {
    func accessPage(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let (tokens, count) = await openStreams.tokens(limit: Self.rows)
        let refused = counters.rejections.values.filter { $0.value > 0 }.sorted { $0.value > $1.value }
        var values: [String: Any] = [
            "hasKeys": takesTokens, "tokens": tokens.map(Self.row), "hasTokens": !tokens.isEmpty,
            "refused": refused.map { Self.row($0.label, $0.value) }, "hasRefused": !refused.isEmpty,
        ]
        if count > tokens.count { values["more"] = "\(tokens.count) of \(count)" }
        return try page("admin-access", visitor, title: "Access", values)
    }

    private static func row(_ token: SeenToken) -> [String: Any] {
        var row: [String: Any] = [
            "who": token.apiKey ?? token.user ?? "no subject", "isAPIKey": token.apiKey != nil,
            "key": token.keyID ?? (token.apiKey == nil ? "without a name" : ""), "rights": token.rights,
            "first": "\(token.firstSeen)", "shownFirst": shown(token.firstSeen), "last": "\(token.lastSeen)",
            "shownLast": shown(token.lastSeen), "open": token.connections, "isOver": !token.counts,
        ]
        if let end = token.endsAt { row["end"] = ["time": "\(end)", "shown": shown(end)] }
        return row
    }

    private static func row(_ rejection: Rejection, _ count: Int) -> [String: Any] {
        ["reason": rejection.rawValue, "count": count, "meaning": rejection.meaning, "advice": rejection.advice]
    }
}

extension Rejection {
    /// For an administrator: who was refused.
    var meaning: String {
        switch self {
        case .host: "The request names a host that is not this server's."
        case .origin: "A page of another site asked."
        case .token: "A token is missing, has ended or does not count."
        case .guesses: "Too many tokens that do not count came from one address."
        case .right: "The token does not have the right, or the group is an application's."
        case .rate: "A token or an address publishes too often."
        case .connections: "Too many connections are open, or streams of HTTP/2."
        case .address: "Too many connections come from one address."
        case .user: "One user has too many streams."
        case .bodies: "The bodies of all requests take too much memory."
        case .answers: "History that slow clients have not taken fills its memory."
        case .queue: "Publishes come faster than the disk takes them."
        case .store: "The database takes or gives no messages."
        case .size: "A head, a body or a message is too large."
        case .timeout: "A request did not arrive in time."
        case .request: "A request is malformed, or asks for what there is not."
        }
    }

    /// What an administrator does about it.
    var advice: String {
        switch self {
        case .host: "If it is this server's name, start it with --allow-host."
        case .origin: "If it is yours, start the server with --allow-origin. The log names the origins."
        case .token:
            "Some are usual, as tokens end. If there are many: compare keys and clocks with whoever issues tokens."
        case .guesses:
            "Look in the log for the address. Behind a proxy, set --trusted-proxy, else all clients are one address."
        case .right: "Compare what clients ask for with what their tokens grant."
        case .rate: "Let that client publish less, or raise --publish-rate."
        case .connections: "Raise --max-connections or --max-http2-streams, and the limit of open files."
        case .address: "Raise --max-connections-per-address. Behind a proxy, set --trusted-proxy."
        case .user: "Raise --max-streams-per-user, or let clients follow several groups by one stream."
        case .bodies: "Raise --max-bodies-size, or let clients send less at once."
        case .answers: "Raise --max-answers-size, or let clients ask for less with limit=."
        case .queue: "Look at the disk. Lower the load with --publish-rate."
        case .store: "Look at the log and at the disk: full, read-only or gone."
        case .size: "Let clients send less, or raise --max-message-size or --max-body-size."
        case .timeout: "Slow networks do that, and whoever keeps connections busy: --head-timeout, --body-timeout."
        case .request: "The log at the level info says what and from where."
        }
    }
}
