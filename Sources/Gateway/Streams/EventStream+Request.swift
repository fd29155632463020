import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

extension EventStream.Request {
    /// Reads a stream's request.
    ///
    /// - Parameter grant: What an application gives to this client, where the path is its own.
    /// - Throws: ``Problem``: 400 for a group, `since` or `last` that is none. A malformed id is no such problem: see
    ///   ``StreamCursor/Start/malformed(_:)``.
    init(
        _ request: IncomingRequest,
        grant: StreamGrant? = nil,
        limits: ConnectionServices.Limits,
        extraHeaders: [(String, String)],
        date: String
    ) throws(Problem) {
        let fields = try request.target.fields()
        self.grant = grant
        let format: EventFormat
        if let grant {
            (groups, format) = (grant.groups, grant.format)
        } else {
            if case .stream = request.route {
                try QueryParameters.stream.check(fields)
            } else {
                try QueryParameters.streamOfGroups.check(fields)
            }
            try Self.checkTransport(request.head.headers)
            groups = try Self.groups(request, fields, limits: limits)
            format = try Self.format(fields)
        }
        let lastEventID = request.head.headers.first(name: "last-event-id").map { String($0.trimmed) }
        let isAll = grant?.beginsWithAll ?? false
        start = try Self.start(
            lastEventID: lastEventID,
            fields,
            maximumLast: limits.last,
            otherwise: isAll ? .replay(.all) : .latest
        )
        requested =
            switch start {
            case .after(let id): "\(id)"
            case .malformed(let text): text
            case .latest, .replay: ""
            }
        let style = StreamStyle(
            format: format,
            isChunked: request.head.usesHTTP11
        )
        feedKey = Feed.Key(groups: Set(groups).sorted(), style: style)
        head = StreamHead.bytes(chunked: style.isChunked, date: date, extraHeaders: extraHeaders)
    }

    private static func groups(
        _ request: IncomingRequest,
        _ fields: [(name: String, value: String)],
        limits: ConnectionServices.Limits
    ) throws(Problem) -> [GroupName] {
        var names = fields.filter { $0.name == "group" }.map(\.value)
        if case .stream(let group) = request.route { names = [group] }
        guard !names.isEmpty else {
            throw Problem(.badRequest, "Name the groups to follow: /events?group=NAME&group=NAME.")
        }
        guard names.count <= limits.groupsPerStream else {
            throw Problem(
                .badRequest,
                "A stream may follow \(limits.groupsPerStream) groups (--max-groups-per-stream), not \(names.count). Open several "
                    + "streams."
            )
        }
        var groups: [GroupName] = []
        for name in names {
            do {
                let group = try GroupName(name)
                try limits.reserved.check(group)
                if !groups.contains(group) { groups.append(group) }
            } catch {
                throw Problem(error)
            }
        }
        return groups
    }

    /// Refuses the other clothes of a stream that this version does not have: a client that asked for them would not
    /// understand what it gets.
    private static func checkTransport(_ headers: HTTPHeaders) throws(Problem) {
        if headers[canonicalForm: "upgrade"].contains(where: { $0.utf8.isEqual(ignoringCase: "websocket".utf8) }) {
            throw .notImplemented("A stream over WebSocket")
        }
        let accept = AcceptField(headers["accept"])
        if accept.quality(of: "application/x-ndjson") > accept.quality(of: "text/event-stream") {
            throw .notImplemented("A stream as NDJSON (Accept: application/x-ndjson)")
        }
    }

    private static func format(_ fields: [(name: String, value: String)]) throws(Problem) -> EventFormat {
        switch fields.last(where: { $0.name == "envelope" })?.value {
        case nil, "none": return .plain
        case "json": return .envelope
        case .some(let value):
            throw Problem(
                .badRequest,
                "There is no envelope \(value.quotedForPeople): use envelope=json, or leave it out."
            )
        }
    }

    /// The header always wins: a browser that reconnects repeats its URL, and the header is newer.
    private static func start(
        lastEventID: String?,
        _ fields: [(name: String, value: String)],
        maximumLast: Int,
        otherwise: StreamCursor.Start
    ) throws(Problem) -> StreamCursor.Start {
        func field(_ name: String) -> String? { fields.last { $0.name == name }?.value }
        let since = try field("since").map(Self.start(since:))
        let last = try field("last").map { value throws(Problem) in try Self.start(last: value, maximum: maximumLast) }
        // An empty one is none: that is what a client has that has seen no id (WHATWG HTML §9.2.3).
        if let id = [lastEventID, field("last_event_id")].compactMap(\.self).first(where: { !$0.isEmpty }) {
            return (try? MessageID(id)).map { .after($0) } ?? .malformed(id)
        }
        return since ?? last ?? otherwise
    }

    private static func start(since: String) throws(Problem) -> StreamCursor.Start {
        if since == "latest" { return .latest }
        guard let since = HistoryStart(since) else {
            throw Problem(
                .badRequest,
                "since=\(since.quotedForPeople) is none of: latest, all, a message id, a duration back such as 10m, a time such "
                    + "as 2026-01-31T12:00:00Z."
            )
        }
        switch since {
        case .id(let id): return .after(id)
        case .replay(let start): return .replay(start)
        }
    }

    private static func start(last: String, maximum: Int) throws(Problem) -> StreamCursor.Start {
        guard last.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let count = Int(last)
        else {
            throw Problem(.badRequest, "last=\(last.quotedForPeople) is no number of messages: use last=10.")
        }
        return count == 0 ? .latest : .replay(.last(min(count, maximum)))
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
    init?(_ text: String) {
        if text == "all" {
            self = .replay(.all)
        } else if let id = try? MessageID(text) {
            self = .id(id)
        } else if let duration = DurationText.parse(text) {
            let milliseconds =
                duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
            self = .replay(.since(Timestamp(milliseconds: Timestamp.now().milliseconds - milliseconds)))
        } else if let time = Timestamp(rfc3339: text) {
            self = .replay(.since(time))
        } else {
            return nil
        }
    }
}
