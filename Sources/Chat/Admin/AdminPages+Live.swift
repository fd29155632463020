import Broker
import Gateway
import HTTPTypes
import Hummingbird

extension AdminPages {
    func overview(_ request: Request, _ visitor: Visitor) async throws -> Response {
        try page("admin-overview", visitor, title: "Overview")
    }

    // MARK: Following and publishing

    /// Groups that the page offers to follow, by name.
    private static let suggestions = 12

    func live(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let fields = try FormFields(queryOf: request.head)
        let topics = LiveTopics(fields)
        let (after, wantsPresence) = (fields["last_event_id"] ?? "", fields["presence"] == "true")
        let found = try await messages.log.store.groups(
            prefix: "",
            after: "",
            limit: Self.suggestions + Chat.reservedGroups.count
        )
        let groups = found.map(\.name).filter { !Chat.reservedGroups.contains($0) }.prefix(Self.suggestions)
        var values: [String: Any] = [
            "topics": topics.text, "after": after, "presence": wantsPresence, "isEmpty": topics.isEmpty,
            "groups": groups.map { ["name": "\($0)"] },
            "offered": groups.filter { !topics.groups.contains($0) }.map { group in
                let all = (topics.texts + ["\(group)"]).joined(separator: " ")
                return ["name": "\(group)", "query": "?topics=\(Self.formEncoded(all))"]
            },
            // The form refuses the others.
            "to": topics.groups.first { !Chat.reservedGroups.contains($0) }?.description ?? "",
        ]
        values["hasOffers"] = (values["offered"] as? [Any])?.isEmpty == false
        values["refusal"] = topics.refusal
        if topics.canBeFollowed {
            let start = after.isEmpty ? "last=20" : "last_event_id=\(Self.formEncoded(after))"
            values["followed"] = "\(topics.query)&\(start)" + (wantsPresence ? "&presence=true" : "")
        }
        return try page("admin-live", visitor, title: "Live", values)
    }

    private struct Published: Encodable {
        let id: String
    }

    /// Called by the page's script.
    func publish(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let group = try Self.group(form["group"] ?? "")
        guard !Chat.reservedGroups.contains(group) else {
            throw HTTPError(.forbidden, message: "The group '\(group)' is the chat's own: write in the chat instead.")
        }
        let (event, data) = (form["event"] ?? "", form["data"] ?? "")
        guard !data.isEmpty else { throw HTTPError(.badRequest, message: "The message has no data: write some.") }
        let message: Message
        do {
            let draft = try MessageDraft(
                group: group,
                event: event.isEmpty ? Message.defaultEvent : event,
                text: data
            )
            message = try await messages.log.publish(draft)
        } catch {
            throw HTTPError(error.isRefusal ? .badRequest : .serviceUnavailable, message: error.message)
        }
        return try .json(Published(id: message.id.map { "\($0)" } ?? ""), status: .created)
    }

    // MARK: Streams

    var streams: [StreamRoute] {
        [
            StreamRoute(path: "/admin/statistics/events/") { request, administrator in
                try await grant(request, administrator, StreamGrant(groups: [statistics.group]))
            },
            StreamRoute(path: "/admin/live/events/") { request, administrator in
                let fields = try FormFields(queryOf: request)
                let topics = LiveTopics(fields)
                guard topics.canBeFollowed else {
                    throw HTTPError(
                        .badRequest,
                        message: topics.refusal ?? "Name the groups to follow: ?group=NAME&match=PATTERN."
                    )
                }
                var grant = StreamGrant(groups: topics.groups, payload: .composed(tail))
                grant.patterns = topics.patterns
                // Whoever looks on is not one of them.
                (grant.showsPresence, grant.isPresent) = (fields["presence"] == "true", false)
                return try await self.grant(request, administrator, grant)
            },
        ]
    }

    private func grant(
        _ request: HTTPRequest,
        _ administrator: Administrator?,
        _ grant: StreamGrant
    ) async throws -> StreamGrant {
        var grant = grant
        grant.user = "admin"
        if let session = try await sessions.visitor(request.headerFields, .admin).session {
            return try await grant.held(by: session, presence, request, else: Self.signedOut) {
                try await sessions.visitor(request.headerFields, .admin).session != nil
            }
        }
        guard let administrator else { throw Self.signedOut }
        grant.user = administrator.user ?? "admin"
        (grant.expiresAt, grant.end) = (administrator.endsAt, administrator.end)
        return grant
    }
}

extension BrokerError {
    /// Whether another message would do.
    fileprivate var isRefusal: Bool {
        [.invalidName, .invalidEvent, .invalidData, .messageTooLarge].contains(code)
    }
}
