import Broker
import HTTPTypes
import Hummingbird
import NIOCore

/// The streams that are open, and the WebSockets that follow nothing, for those who run the server.
struct ConnectionRoutes: Sendable {
    let streams: OpenStreams
    let sessions: AdministratorSessions?

    func register(in router: Router<GatewayContext>) {
        router.resource(
            "/connections",
            [.get: .administration(sessions) { request, _ in try await list(request) }]
        )
        router.resource(
            "/connections/:id",
            [.delete: .administration(sessions) { try await end($0, $1) }]
        )
    }

    private func list(_ request: Request) async throws -> Answer {
        let query = try request.query(.connections)
        let limit = try PageLimit.parse(query["limit"])
        guard let (found, hasMore) = await streams.page(after: query["after"], limit: limit) else {
            throw Problem(
                .badRequest,
                "after=\((query["after"] ?? "").quotedForPeople) is no id of a connection since this start of the server. Begin "
                    + "without it."
            )
        }
        var body = ByteBuffer()
        body.writeString("{\"connections\":[")
        for (index, stream) in found.enumerated() {
            if index > 0 { body.writeString(",") }
            body.writeJSON(stream)
        }
        body.writeString("],\"has_more\":\(hasMore)}\n")
        return .json(.ok, body)
    }

    private func end(_ request: Request, _ context: GatewayContext) async throws -> Answer {
        try request.query(.none)
        let id = request.pathText("id", context)
        guard await streams.end(id) else {
            throw Problem(
                .notFound,
                "There is no open connection \(id.quotedForPeople). GET /connections lists those there are."
            )
        }
        return Answer(status: .noContent)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeJSON(_ stream: OpenStream) {
        writeString("{\"id\":\"\(stream.id)\",\"user\":")
        writeJSON(string: stream.user)
        writeString(",\"address\":")
        writeJSON(string: stream.address)
        writeString(",\"transport\":\"\(stream.transport.rawValue)\",\"groups\":")
        writeJSON(list: stream.groups.map(\.description))
        writeString(",\"match\":")
        writeJSON(list: stream.patterns)
        writeString(",\"state\":\"\(stream.isLive ? "live" : "catching-up")\",\"position\":")
        writeJSON(string: stream.position?.description)
        writeString(",\"waiting_bytes\":\(stream.waitingBytes),\"since\":\"\(stream.since)\"}")
    }

    private mutating func writeJSON(list: [String]) {
        writeString("[")
        for (index, text) in list.enumerated() {
            if index > 0 { writeString(",") }
            writeJSON(string: text)
        }
        writeString("]")
    }
}
