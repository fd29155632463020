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
        } else {
            let groups = try Self.groups(request, fields)
            if case .stream = request.route {
                try QueryParameters.stream.check(fields)
            } else {
                try QueryParameters.streamOfGroups.check(fields)
            }
            if framing != .webSocket { try Self.checkTransport(request.head.headers) }
            try Self.checkCount(of: groups, limits)
            let token = request.principal.token
            self.grant = StreamGrant(
                groups: groups,
                payload: try Self.payload(fields),
                expiresAt: token?.endsAt,
                end: token?.key.end
            )
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
        feedKey = Feed.Key(
            topics: Set(self.grant.groups).sorted().map(Topic.group),
            style: framing == .webSocket ? .socket : StreamStyle(format: self.grant.format, framing: framing)
        )
        origin = StreamOrigin(user: grant.map(\.user) ?? request.principal.token?.user, since: now)
    }

    /// The groups, each of them once. A right that lacks comes before anything else that is wrong.
    private static func groups(
        _ request: IncomingRequest,
        _ fields: [(name: String, value: String)]
    ) throws(Problem) -> [GroupName] {
        var names = fields.filter { $0.name == "group" }.map(\.value)
        if case .stream(let group) = request.route { names = [group] }
        var groups: [GroupName] = []
        var seen: Set<GroupName> = []
        var refusal: BrokerError?
        let access = request.access
        for name in names {
            do throws(BrokerError) {
                let group = try GroupName(name)
                if seen.insert(group).inserted { groups.append(group) }
            } catch {
                refusal = refusal ?? error
            }
        }
        for group in groups { try access.check(group) }
        if let refusal { throw Problem(refusal) }
        return groups
    }

    private static func checkCount(of groups: [GroupName], _ limits: GatewayLimits) throws(Problem) {
        guard !groups.isEmpty else {
            throw Problem(.badRequest, "Name the groups to follow: /events?group=NAME&group=NAME.")
        }
        guard groups.count <= limits.groupsPerStream else {
            throw Problem(
                .badRequest,
                "A stream may follow \(limits.groupsPerStream) groups (\(GatewayConfiguration.Settings.maxGroupsPerStream)), not \(groups.count). Open several "
                    + "streams."
            )
        }
    }

    /// Refuses the other clothes of a stream that this version does not have: a client that asked for them would not
    /// understand what it gets.
    private static func checkTransport(_ headers: HTTPHeaders) throws(Problem) {
        let accept = AcceptField(headers["accept"])
        if accept.quality(of: "application/x-ndjson") > accept.quality(of: "text/event-stream") {
            throw .notImplemented("A stream as NDJSON (Accept: application/x-ndjson)")
        }
    }

    private static func payload(_ fields: [(name: String, value: String)]) throws(Problem) -> StreamGrant.Payload {
        switch fields.last(where: { $0.name == "envelope" })?.value {
        case nil, "none": return .data
        case "json": return .envelope
        case .some(let value):
            throw Problem(
                .badRequest,
                "There is no envelope \(value.quotedForPeople): use envelope=json, or leave it out."
            )
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
        case .composed(let composer): .composed(Composition(composer: composer))
        }
    }
}

/// The forms of `since` that name a place in history.
enum HistoryStart {
    case id(MessageID)
    case replay(ReplayStart)

    /// `all`, a message id, a duration back, or an RFC 3339 time; nil for anything else.
    init?(_ text: String, now: Timestamp) {
        if text == "all" {
            self = .replay(.all)
        } else if let id = try? MessageID(text) {
            self = .id(id)
        } else if let duration = DurationText.parse(text) {
            let milliseconds =
                duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
            self = .replay(.since(Timestamp(milliseconds: now.milliseconds - milliseconds)))
        } else if let time = Timestamp(rfc3339: text) {
            self = .replay(.since(time))
        } else {
            return nil
        }
    }

    /// - Parameter text: What ``init(_:)`` took for nothing, and `latest` is not.
    static func problem(_ text: String) -> Problem {
        let advice =
            text.contains("T") && text.contains(" ")
            ? " In a URL the + of a time zone is written %2B, for + means a space." : ""
        return Problem(
            .badRequest,
            "since=\(text.quotedForPeople) is none of: latest, all, a message id, a duration back such as 10m, a time such "
                + "as 2026-01-31T12:00:00Z.\(advice)"
        )
    }
}
