import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

extension Subscriber {
    /// What the request asked for.
    struct Request {
        let feedKey: Feed.Key
        let start: StreamCursor.Start
        /// The id with which the client wants to go on, as it came.
        let requested: String
        /// What it may follow, and how long.
        let grant: StreamGrant
        var origin = StreamOrigin()
        /// Held for as long as it follows patterns.
        var patternSeat: PatternSeat?
        /// Whether it is told who follows its groups.
        var showsPresence = false
    }
}

extension Subscriber.Request {
    /// Reads a stream's request.
    ///
    /// - Parameter grant: What an application gives to this client, where the path is its own.
    /// - Throws: ``Problem``: 400 for a malformed group, `since` or `last`. A malformed id is no such problem: see
    ///   ``StreamCursor/Start/malformed(_:)``.
    init(
        _ request: IncomingRequest,
        grant: StreamGrant? = nil,
        limits: GatewayLimits,
        framing: Framing,
        now: Timestamp
    ) throws(Problem) {
        if grant == nil, case .stream(let group) = request.route, let group = try? GroupName(group) {
            try request.access.check(group)
        }
        let fields = try request.target.fields()
        if let grant {
            self.grant = grant
            showsPresence = grant.showsPresence
        } else {
            let group: String? = if case .stream(let group) = request.route { group } else { nil }
            let selection = try TopicSelection(group: group, fields, request.access)
            try (group == nil ? QueryParameters.streamOfGroups : .stream).check(fields)
            try selection.checkCount(limits, path: "/events")
            let token = request.principal.token
            var grant = StreamGrant(
                groups: selection.groups,
                payload: try Self.payload(fields),
                expiresAt: token?.endsAt,
                end: token?.key.end
            )
            grant.patterns = selection.patterns
            self.grant = grant
            showsPresence = try Self.flag("presence", fields)
            if showsPresence { try selection.checkPresence() }
        }
        let lastEventID = request.head.headers.first(name: "last-event-id").map { String($0.trimmed) }
        let isAll = self.grant.beginsWithAll
        start = try Self.start(
            lastEventID: lastEventID,
            fields,
            maximumLast: limits.last,
            now: now,
            otherwise: isAll ? .replay(.all) : .latest
        )
        requested = start.requested
        let format: EventFormat = grant == nil && Self.wantsLines(request.head.headers) ? .lines : self.grant.format
        feedKey = Feed.Key(
            topics: TopicSelection.topics(self.grant.groups, self.grant.patterns),
            style: framing == .webSocket ? .socket : StreamStyle(format: format, framing: framing)
        )
        let token = request.principal.token
        origin = StreamOrigin(
            user: grant.map(\.user) ?? token?.user,
            token: token,
            info: grant == nil ? token?.info : nil,
            since: now
        )
    }

    /// Whether the client likes NDJSON better than server-sent events.
    static func wantsLines(_ headers: HTTPHeaders) -> Bool {
        let accept = AcceptField(headers["accept"])
        return accept.quality(of: "application/x-ndjson") > accept.quality(of: "text/event-stream")
    }

    private static func payload(_ fields: [(name: String, value: String)]) throws(Problem) -> StreamGrant.Payload {
        let isTraced = try Self.flag("trace", fields)
        switch fields.last(where: { $0.name == "envelope" })?.value {
        case nil, "none":
            guard !isTraced else {
                throw Problem(.badRequest, "trace=true goes with envelope=json: the trace stands in the envelope.")
            }
            return .data
        case "json": return isTraced ? .tracedEnvelope : .envelope
        case .some(let value):
            throw Problem(
                .badRequest,
                "There is no envelope \(value.quotedForPeople): use envelope=json, or leave it out."
            )
        }
    }

    private static func flag(_ name: String, _ fields: [(name: String, value: String)]) throws(Problem) -> Bool {
        switch fields.last(where: { $0.name == name })?.value {
        case nil, "false": return false
        case "true": return true
        case .some(let value):
            throw Problem(.badRequest, "\(name)=\(value.quotedForPeople) is neither true nor false.")
        }
    }

    /// The header always wins: a browser that reconnects repeats its URL, and the header is newer.
    static func start(
        lastEventID: String?,
        _ fields: [(name: String, value: String)],
        maximumLast: Int,
        now: Timestamp,
        otherwise: StreamCursor.Start
    ) throws(Problem) -> StreamCursor.Start {
        func field(_ name: String) -> String? { fields.last { $0.name == name }?.value }
        let since = try field("since").map { value throws(Problem) in try Self.start(since: value, now: now) }
        let last = try field("last").map { value throws(Problem) in try Self.start(last: value, maximum: maximumLast) }
        // An empty id counts as absent: a client has it before it has seen one (WHATWG HTML §9.2.3).
        if let id = [lastEventID, field("last_event_id")].compactMap(\.self).first(where: { !$0.isEmpty }) {
            return (try? MessageID(id)).map { .after($0) } ?? .malformed(id)
        }
        return since ?? last ?? otherwise
    }

    private static func start(since: String, now: Timestamp) throws(Problem) -> StreamCursor.Start {
        if since == "latest" { return .latest }
        guard let since = HistoryStart(since, now: now) else {
            throw HistoryStart.problem(since)
        }
        switch since {
        case .id(let id): return .after(id)
        case .replay(let start): return .replay(start)
        }
    }

    private static func start(last: String, maximum: Int) throws(Problem) -> StreamCursor.Start {
        guard !last.isEmpty, last.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw Problem(.badRequest, "last=\(last.quotedForPeople) is no number of messages: use last=10.")
        }
        let count = Int(last) ?? maximum
        return count == 0 ? .latest : .replay(.last(min(count, maximum)))
    }
}

extension StreamCursor.Start {
    /// The id with which a client wants to go on, as it came.
    var requested: String {
        switch self {
        case .after(let id): "\(id)"
        case .malformed(let text): text
        case .latest, .replay: ""
        }
    }
}

extension StreamGrant {
    fileprivate var format: EventFormat {
        switch payload {
        case .data: .plain
        case .envelope: .envelope
        case .tracedEnvelope: .tracedEnvelope
        case .composed(let composer): .composed(Composition(composer: composer))
        }
    }
}
