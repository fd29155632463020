import Broker
import HTTPTypes
import Hummingbird
import NIOCore

/// Who follows a group.
struct PresenceRoutes: Sendable {
    let presence: any PresenceRegistry

    /// An answer holds about so many bytes of names and what is shown with them. `has_more` tells that there is more.
    private static let maximumBytes = 1 << 20

    func register(in router: Router<GatewayContext>) {
        router.resource("/groups/:group/presence", [.get: .group(.subscribe) { try await list($0, of: $2) }])
    }

    private func list(_ request: Request, of group: GroupName) async throws -> Answer {
        let query = try request.query(.presence)
        let page = try await presence.page(
            of: group,
            after: query["after"].map { UserName($0) },
            limit: try PageLimit.parse(query["limit"]),
            maximumBytes: Self.maximumBytes
        )
        var body = ByteBuffer()
        body.writeString("{\"group\":\"\(group)\",\"count\":\(page.count),\"users\":[")
        for (index, entry) in page.users.enumerated() {
            body.writeString(index > 0 ? ",{" : "{")
            body.writeFields(of: entry.user)
            body.writeString(",\"connections\":\(entry.connections),\"since\":\"\(entry.since)\"}")
        }
        body.writeString("],\"has_more\":\(page.hasMore)}\n")
        return .json(.ok, body)
    }
}
