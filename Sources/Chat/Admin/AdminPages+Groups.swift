import Broker
import Gateway
import HTTPTypes
import Hummingbird

extension AdminPages {
    func groupList(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let (prefix, after) = (request.query("q"), request.query("after"))
        var groups = try await messages.log.store.groups(prefix: prefix, after: after, limit: Self.rows + 1)
        var values: [String: Any] = ["q": prefix, "isEmpty": groups.isEmpty, "isFiltered": !prefix.isEmpty]
        if groups.count > Self.rows {
            groups.removeLast()
            values["next"] = "?q=\(Self.formEncoded(prefix))&after=\(groups.last?.name.description ?? "")"
        }
        values["filter"] = Self.fields(Self.groupFilter, request.query)
        groups.removeAll { $0.name == messages.changes }  // no group of messages
        let epochs = messages.store.epochs
        values["items"] = groups.map { group -> [String: Any] in
            [
                "group": "\(group.name)", "messages": group.messages, "isEmpty": group.messages == 0,
                "first": group.first.map { "\(epochs.id($0))" } ?? "–",
                "last": group.last.map { "\(epochs.id($0))" } ?? "–",
            ]
        }
        return try page("admin-groups", visitor, title: "Groups", values)
    }

    func purgeGroup(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let group = try Self.group(form["group"] ?? "")
        let back = "/admin/groups/" + Self.query(Self.groupFilter) { form[$0] ?? "" }
        guard form["confirmed"] == nil else {
            try await messages.purge(group)
            return redirect(visitor, back, notice: "The group \(group) was purged.")
        }
        let count = try await messages.log.store.group(group)?.messages ?? 0
        return try confirm(
            visitor,
            question: ("Delete all \(count) messages of the group", "\(group)", "?"),
            action: "/admin/groups/purge/",
            button: "Purge",
            back: back,
            fields: Self.groupFilter.map { ($0, form[$0] ?? "") } + [("group", "\(group)")]
        )
    }

    /// What a list of groups is asked for with. Forms that come back to the list carry it.
    private static let groupFilter = ["q", "after"]

    static func group(_ name: String) throws -> GroupName {
        do {
            return try GroupName(stored: name)
        } catch {
            throw HTTPError(.badRequest, message: error.message)
        }
    }
}
