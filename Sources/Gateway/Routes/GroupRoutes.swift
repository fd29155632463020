import Broker
import HTTPTypes
import Hummingbird
import NIOCore

/// The groups and their counts.
struct GroupRoutes: Sendable {
    let log: MessageLog
    let subscribers: Subscribers
    let reserved: ReservedGroups

    private static let defaultLimit = 100
    private static let maximumLimit = 1000

    func register(in router: Router<GatewayContext>) {
        router.resource("/groups", [.get: { request, _ in try await groups(request) }])
        router.resource("/groups/:group", [.get: { try await group($0, $1) }])
        router.resource("/groups/:group/events", onLoop: [.get, .head], [:])
        router.resource("/events", onLoop: [.get, .head], [:])
    }

    private func groups(_ request: Request) async throws -> Answer {
        let query = try request.query(.groups)
        let (prefix, after) = (query["prefix"] ?? "", query["after"] ?? "")
        let limit = try Self.limit(query["limit"])
        // Reserved ones are left out below, so as many more are asked for.
        let wanted = limit + 1 + reserved.names.count
        let stored = try await log.store.groups(prefix: prefix, after: after, limit: wanted)
        // A group that is only listened to has no row; it is one all the same.
        var found = Dictionary(stored.map { ($0.name, $0) }) { first, _ in first }
        for name in subscribers.groups(prefix: prefix, after: after) where found[name] == nil {
            // Beyond the last row of a full page, a stored group may be missing from it.
            guard stored.count < wanted || name < stored[wanted - 1].name else { continue }
            found[name] = StoredGroup(name: name, messages: 0, first: nil, last: nil)
        }
        let all = found.values.filter { !reserved.contains($0.name) }.sorted { $0.name < $1.name }
        var body = ByteBuffer()
        body.writeString("{\"groups\":[")
        for (index, group) in all.prefix(limit).enumerated() {
            if index > 0 { body.writeString(",") }
            write(group, into: &body)
        }
        body.writeString("],\"has_more\":\(all.count > limit)}\n")
        return .json(.ok, body)
    }

    private func group(_ request: Request, _ context: GatewayContext) async throws -> Answer {
        let name = try GroupName(request.pathText("group", context))
        try reserved.check(name)
        try request.query(.none)
        let stored = try await log.store.group(name)
        var body = ByteBuffer()
        write(stored ?? StoredGroup(name: name, messages: 0, first: nil, last: nil), into: &body)
        body.writeString("\n")
        return .json(.ok, body)
    }

    private func write(_ group: StoredGroup, into body: inout ByteBuffer) {
        let epoch = log.store.epoch
        body.writeString("{\"group\":\"\(group.name)\",\"messages\":\(group.messages)")
        body.writeString(",\"subscribers\":\(subscribers.count(of: group.name)),\"first_id\":")
        body.writeJSON(string: group.first.map { "\(MessageID(epoch: epoch, sequence: $0))" })
        body.writeString(",\"last_id\":")
        body.writeJSON(string: group.last.map { "\(MessageID(epoch: epoch, sequence: $0))" })
        body.writeString("}")
    }

    private static func limit(_ text: String?) throws(Problem) -> Int {
        guard let text else { return defaultLimit }
        guard let limit = Int(text), (1...maximumLimit).contains(limit) else {
            throw Problem(.badRequest, "limit=\(text.quotedForPeople) is not a number from 1 to \(maximumLimit).")
        }
        return limit
    }
}
