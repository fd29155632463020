import Broker
import Gateway
import HTTPTypes
import Hummingbird

extension AdminPages {
    func overview(_ request: Request, _ visitor: Visitor) async throws -> Response {
        try page("admin-overview", visitor, title: "Overview")
    }

    // MARK: Following and publishing

    func live(
        _ request: Request,
        _ visitor: Visitor,
        filled: [String: Any] = [:],
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let group = request.query("group")
        var values: [String: Any] = ["group": group]
        if let followed = try? GroupName(group) {
            values["followed"] = "\(followed)"
        } else if !group.isEmpty {
            values["refusal"] = "A group's name has 1 to 100 ASCII letters, digits, '-', '_' or '.'."
        }
        return try page("admin-live", visitor, title: "Live", values.merging(filled) { $1 }, status: status)
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
                let name = request.path.flatMap { Self.group(inQueryOf: $0) } ?? ""
                let group = try Self.group(name)
                let grant = StreamGrant(groups: [group], payload: .composed(tail))
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

    /// A group's name needs no decoding: what would need it is none.
    private static func group(inQueryOf path: String) -> String? {
        path.split(separator: "?", maxSplits: 1).last?.split(separator: "&")
            .first { $0.hasPrefix("group=") }.map { String($0.dropFirst("group=".count)) }
    }
}

extension BrokerError {
    /// Whether another message would do.
    fileprivate var isRefusal: Bool {
        [.invalidName, .invalidEvent, .invalidData, .messageTooLarge].contains(code)
    }
}
