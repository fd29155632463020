import Broker
import HTTPTypes
import Hummingbird
import NIOCore

/// The groups and their counts.
struct GroupRoutes: Sendable {
    let log: MessageLog
    let subscribers: SubscriberCounts

    func register(in router: Router<GatewayContext>) {
        router.resource(
            "/groups",
            [.get: RouteHandler(needs: .listing(.subscribe)) { try await groups($0, $1) }]
        )
        router.resource("/groups/:group", [.get: .group(.subscribe) { try await group($0, $2) }])
        router.resource("/groups/:group/events", onLoop: [.get, .head], [:])
        router.resource("/events", onLoop: [.get, .head], [:])
        router.resource("/socket", onLoop: [.get, .head], [:])
    }

    private func groups(_ request: Request, _ context: GatewayContext) async throws -> Answer {
        let query = try request.query(.groups)
        let (prefix, after) = (query["prefix"] ?? "", query["after"] ?? "")
        let limit = try PageLimit.parse(query["limit"])
        let listing = GroupListing(log: log, subscribers: subscribers, access: context.access)
        let (found, hasMore) = try await listing.page(prefix: prefix, after: after, limit: limit)
        var body = ByteBuffer()
        body.writeString("{\"groups\":[")
        for (index, group) in found.enumerated() {
            if index > 0 { body.writeString(",") }
            write(group, into: &body)
        }
        body.writeString("],\"has_more\":\(hasMore)}\n")
        return .json(.ok, body)
    }

    private func group(_ request: Request, _ name: GroupName) async throws -> Answer {
        try request.query(.none)
        let stored = try await log.store.group(name)
        var body = ByteBuffer()
        write(stored ?? StoredGroup(name: name, messages: 0, first: nil, last: nil), into: &body)
        body.writeString("\n")
        return .json(.ok, body)
    }

    private func write(_ group: StoredGroup, into body: inout ByteBuffer) {
        let epochs = log.store.epochs
        body.writeString("{\"group\":\"\(group.name)\",\"messages\":\(group.messages)")
        body.writeString(",\"subscribers\":\(subscribers.count(of: group.name)),\"first_id\":")
        body.writeJSON(string: group.first.map { "\(epochs.id($0))" })
        body.writeString(",\"last_id\":")
        body.writeJSON(string: group.last.map { "\(epochs.id($0))" })
        body.writeString("}")
    }
}
