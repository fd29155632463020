import Broker
import HTTPTypes
import NIOCore

/// What a long poll asks for.
struct PollRequest {
    /// The longest wait.
    static let longestWait = Duration.seconds(60)

    let wait: Duration
    /// Messages of an answer, at most.
    let limit: Int
    var stream: Subscriber.Request

    /// - Throws: ``Problem``: 401, 403, 400.
    init(_ request: IncomingRequest, limits: GatewayLimits, now: Timestamp) throws(Problem) {
        let fields = try request.target.fields()
        let group: String? = if case .poll(let group) = request.route { group } else { nil }
        let selection = try TopicSelection(group: group, fields, request.access)
        try (group == nil ? QueryParameters.historyOfGroups : .history).check(fields)
        let query = Dictionary(fields.map { ($0.name, $0.value) }) { $1 }
        try selection.checkCount(limits, path: "/messages")
        wait = try Self.check(wait: query["wait"] ?? "", query)
        limit = try PageLimit.parse(query["limit"])
        let start = try Self.start(query, now)
        let token = request.principal.token
        var grant = StreamGrant(groups: selection.groups, expiresAt: token?.endsAt, end: token?.key.end)
        grant.patterns = selection.patterns
        var stream = Subscriber.Request(
            feedKey: Feed.Key(topics: selection.topics, style: StreamStyle(format: .lines, framing: .plain)),
            start: start,
            requested: (query["after"] ?? query["since"]) ?? "",
            grant: grant
        )
        stream.origin = StreamOrigin(user: token?.user, since: now)
        self.stream = stream
    }

    private static func start(_ query: [String: String], _ now: Timestamp) throws(Problem) -> StreamCursor.Start {
        if let after = query["after"] {
            guard query["since"] == nil else { throw MessageRoutes.oneBound }
            guard let id = try? MessageID(after) else { throw MessageRoutes.noID(after, "after") }
            return .after(id)
        }
        guard let since = query["since"], since != "latest" else { return .latest }
        switch HistoryStart(since, now: now) {
        case .id(let id)?: return .after(id)
        case .replay(let start)?: return .replay(start)
        case nil: throw HistoryStart.problem(since)
        }
    }

    /// - Throws: ``Problem``: 400 for what is no wait, or too long a one, and for a wait that goes backward.
    @discardableResult
    static func check(wait text: String, _ query: [String: String]) throws(Problem) -> Duration {
        guard let wait = DurationText.parse(text), wait <= longestWait else {
            throw Problem(
                .badRequest,
                "wait=\(text.quotedForPeople) is no time to wait: use a duration such as 500ms or 30s, at most 60s."
            )
        }
        guard query["before"] == nil else {
            throw Problem(.badRequest, "Messages before another do not come any more: leave wait out, or before.")
        }
        return wait
    }
}
