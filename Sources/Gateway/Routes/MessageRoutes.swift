import Broker
import HTTPTypes
import Hummingbird
import NIOCore

/// History, and single messages.
struct MessageRoutes: Sendable {
    let log: MessageLog
    let answers: LargeAnswers
    let limits: GatewayLimits

    /// An answer holds about so many bytes of data, or one message: what a client asks for with few bytes must not cost
    /// unbounded memory. `has_more` tells that there is more.
    private static let maximumBytes = 4 << 20

    func register(in router: Router<GatewayContext>) {
        router.resource(
            "/groups/:group/messages",
            onLoop: [.post],
            [
                .get: .group(.subscribe) { request, context, group in
                    try await large(context) { try await history(of: [.group(group)], request.query(.history)) }
                },
                .delete: .group(.delete) { try await purge($0, of: $2) },
            ]
        )
        router.resource(
            "/groups/:group/messages/:id",
            [
                .get: .group(.subscribe) { request, context, group in
                    try await large(context) { try await message(request, context, of: group) }
                },
                .delete: .group(.delete) { try await delete($0, $1, of: $2) },
            ]
        )
        router.resource(
            "/messages",
            onLoop: [.post],
            [
                .get: RouteHandler(needs: .groups(.subscribe)) { request, context in
                    let fields = try RequestTarget(request.head.path ?? "/").fields()
                    let selection = try TopicSelection(group: nil, fields, context.access)
                    let query = try request.query(.historyOfGroups)
                    try selection.checkCount(limits, path: "/messages")
                    return try await large(context) { try await history(of: selection.topics, query) }
                }
            ]
        )
    }

    private func large(_ context: GatewayContext, _ make: () async throws -> Answer) async throws -> Answer {
        guard let held = context.held else { return try await make() }
        return try await answers.make(holding: held, make)
    }

    // MARK: History

    private func history(of topics: [Topic], _ query: [String: String]) async throws -> Answer {
        if let wait = query["wait"] { try PollRequest.check(wait: wait, query) }
        let limit = try PageLimit.parse(query["limit"])
        let page: LogPage
        if let text = query["after"] {
            guard query["before"] == nil, query["since"] == nil else { throw Self.oneBound }
            page = try await forward(topics, after: try sequence(of: text, "after"), limit)
        } else if let text = query["since"] {
            guard query["before"] == nil else { throw Self.oneBound }
            page = try await since(text, topics, limit)
        } else {
            let before = try query["before"].map { try sequence(of: $0, "before") } ?? .max
            page = try await log.store.newestMessages(
                of: topics,
                before: min(before, log.frontier.sequence + 1),
                limit: limit,
                maximumBytes: Self.maximumBytes
            )
        }
        return Self.answer(page)
    }

    private func since(_ text: String, _ topics: [Topic], _ limit: Int) async throws -> LogPage {
        if text == "latest" { return try await forward(topics, after: log.frontier.sequence, limit) }
        switch HistoryStart(text, now: .now()) {
        case .id(let id)?:
            return try await forward(topics, after: try sequence(of: id, "since"), limit)
        case .replay(let start)?:
            let through = log.frontier.sequence
            return try await forward(
                topics,
                after: try await log.store.position(of: start, in: topics, through: through),
                limit
            )
        case nil:
            throw HistoryStart.problem(text)
        }
    }

    private func forward(_ topics: [Topic], after: Int64, _ limit: Int) async throws -> LogPage {
        let through = log.frontier.sequence
        var after = after
        while true {
            let page = try await log.store.messages(
                of: topics,
                after: after,
                through: through,
                limit: limit,
                maximumBytes: Self.maximumBytes
            )
            // A pattern that matches little: a stretch of the log without a message of it says nothing to the client.
            guard page.messages.isEmpty, !page.isComplete, let end = page.end, end > after else { return page }
            after = end
        }
    }

    static var oneBound: Problem {
        Problem(.badRequest, "Give one of after, since and before: they are different places to page from.")
    }

    private func sequence(of text: String, _ name: String) throws(Problem) -> Int64 {
        guard let id = try? MessageID(text) else {
            throw Self.noID(text, name)
        }
        return try sequence(of: id, name)
    }

    static func noID(_ text: String, _ name: String) -> Problem {
        Problem(.badRequest, "\(name)=\(text.quotedForPeople) is no message id, which look like 'k7f2q9-1042'.")
    }

    private func sequence(of id: MessageID, _ name: String) throws(Problem) -> Int64 {
        guard log.store.epochs.accepts(id) else {
            throw Problem(
                .conflict,
                "\(name)=\(id) is an id of another database (this one's begin with '\(log.store.epoch)-'): read from the "
                    + "beginning."
            )
        }
        return id.sequence
    }

    private static func answer(_ page: LogPage) -> Answer {
        var body = ByteBuffer()
        body.writeString("{\"messages\":[")
        var count = 0
        // Escapes can make six bytes of one: what is written counts, not what is stored.
        while count < page.messages.count, count == 0 || body.readableBytes < maximumBytes {
            if count > 0 { body.writeString(",") }
            body.writeJSON(page.messages[count])
            count += 1
        }
        let hasMore = count < page.messages.count || !page.isComplete
        body.writeString("],\"has_more\":\(hasMore)}\n")
        return .json(.ok, body)
    }

    // MARK: Purge

    private func purge(_ request: Request, of group: GroupName) async throws -> Answer {
        let query = try request.query(.purge)
        try await log.purge(group, through: try query["through"].map { try sequence(of: $0, "through") })
        return Answer(status: .noContent)
    }

    // MARK: One message

    private func message(_ request: Request, _ context: GatewayContext, of group: GroupName) async throws -> Answer {
        try request.query(.none)
        let text = request.pathText("id", context)
        guard let sequence = published(text), let message = try await log.store.message(sequence, in: group) else {
            throw Self.noMessage(text, group)
        }
        var body = ByteBuffer()
        body.writeJSON(message)
        body.writeString("\n")
        return .json(.ok, body)
    }

    private func delete(_ request: Request, _ context: GatewayContext, of group: GroupName) async throws -> Answer {
        try request.query(.none)
        let text = request.pathText("id", context)
        guard let sequence = published(text), try await log.delete(sequence, in: group) else {
            throw Self.noMessage(text, group)
        }
        return Answer(status: .noContent)
    }

    /// The sequence of an id of this database that was handed over already.
    private func published(_ text: String) -> Int64? {
        guard let id = try? MessageID(text), log.store.epochs.accepts(id), id.sequence <= log.frontier.sequence else {
            return nil
        }
        return id.sequence
    }

    private static func noMessage(_ id: String, _ group: GroupName) -> Problem {
        Problem(.notFound, "The group '\(group)' has no message \(id.quotedForPeople): it was never there, or is gone.")
    }
}
