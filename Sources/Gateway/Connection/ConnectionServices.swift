import Broker
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Synchronization

/// What the connections of one event loop need: limits, who may come, the shard, the router.
///
/// Confined to its event loop.
final class ConnectionServices {
    struct Limits: Sendable {
        let connections: Int
        let headerBytes: Int
        let headTimeout: TimeAmount
        let bodyTimeout: TimeAmount
        /// Bytes a second that a body must come with, over all of its time.
        let bodyRate: Int
        let idleTimeout: TimeAmount
        let messageBytes: Int
        let bodyBytes: Int
        let batchBytes: Int
        let batchMessages: Int
        let groupsPerStream: Int
        /// Messages that `last` replays, at most.
        let last: Int
        let reserved: ReservedGroups
        /// Applications' streams by their paths.
        let streams: [String: StreamRoute]
    }

    let limits: Limits
    let access: AccessPolicy
    let shard: Shard
    let responder: any HTTPResponder<GatewayContext>
    let logger: Logger
    let connections = OpenConnections()
    private var date = DateField()

    init(
        limits: Limits,
        access: AccessPolicy,
        shard: Shard,
        responder: any HTTPResponder<GatewayContext>,
        logger: Logger
    ) {
        (self.limits, self.access, self.shard, self.responder, self.logger) = (limits, access, shard, responder, logger)
    }

    var log: MessageLog { shard.log }
    var counters: Counters { shard.counters }
    var isOverLimit: Bool { counters.connections.value > limits.connections }

    /// Decides what can be decided before the body has come.
    ///
    /// - Parameter isExcess: The connection is one over the limit.
    func admit(_ received: HTTPRequestHead, isExcess: Bool) -> IncomingRequest {
        let (head, targetProblem) = received.inOriginForm()
        let target = RequestTarget(head.uri)
        let route = LoopRoute(head.method, target.path, limits.streams)
        let bodyKind: PublishRequest.BodyKind? = if case .publish = route { .init(head) } else { nil }
        let request = IncomingRequest(
            head: head,
            target: target,
            route: route,
            bodyKind: bodyKind,
            bodyLimit: bodyLimit(of: route, bodyKind),
            bodies: shard.shared.bodies,
            began: shard.now
        )
        do throws(Problem) {
            if let targetProblem { throw targetProblem }
            try access.check(head)
            for expectation in head.headers[canonicalForm: "expect"]
            where !expectation.utf8.isEqual(ignoringCase: "100-continue".utf8) {
                throw Problem(.expectationFailed, "The only expectation that is understood is 100-continue.")
            }
            try Self.checkCodings(head)
            if isExcess, !(route?.isStream ?? false) {
                counters.refusedConnections.add(1)
                throw Problem(
                    .serviceUnavailable,
                    "Too many connections are open (--max-connections \(limits.connections)). Try again in a moment.",
                    headers: [.retryAfter: "5"]
                )
            }
            switch route {
            case .publish(let group)?: try PublishRequest.checkHead(head, group: group, limits.reserved)
            case .publishBatch?:
                try PublishBatch.checkHead(head, target)
                request.batch = PublishBatch(
                    maximumMessages: limits.batchMessages,
                    maximumLineBytes: limits.bodyBytes,
                    reserved: limits.reserved
                )
            case .stream?, .streamOfGroups?, .granted?, .wholeServer?, nil: break
            }
            // The router would pass over the empty part: '/groups//events' would be the group 'events'.
            if target.path.utf8.starts(with: "/groups//".utf8) {
                throw Problem(.notFound, "The path has no group name: /groups/NAME, such as /groups/my-group/events.")
            }
        } catch {
            request.problem = error
        }
        return request
    }

    /// No coding but chunks is known: what comes in another would be stored as it is.
    private static func checkCodings(_ head: HTTPRequestHead) throws(Problem) {
        if let coding = head.headers.first(name: "transfer-encoding"), coding.trimmed.lowercased() != "chunked" {
            throw .notImplemented("The transfer coding \(coding.quotedForPeople)")
        }
        // A list (RFC 9110 §8.4): each of them has to be undone.
        for coding in head.headers[canonicalForm: "content-encoding"]
        where !coding.isEmpty && !coding.utf8.isEqual(ignoringCase: "identity".utf8) {
            throw Problem(
                .unsupportedMediaType,
                "The body comes as \(String(coding).quotedForPeople), and is understood only as it is: send it without "
                    + "Content-Encoding."
            )
        }
    }

    private func bodyLimit(of route: LoopRoute?, _ kind: PublishRequest.BodyKind?) -> Int {
        switch route {
        case .publish?: kind == .text ? limits.messageBytes : limits.bodyBytes
        case .publishBatch?: limits.batchBytes
        case .stream?, .streamOfGroups?, .granted?, .wholeServer?: 64 << 10
        case nil: limits.bodyBytes
        }
    }

    /// Passes a request to the router. `complete` is called once, on any thread; not at all where the work is cancelled.
    ///
    /// - Returns: What works on it.
    func route(
        _ request: IncomingRequest,
        _ channel: any Channel,
        complete: @escaping @Sendable (Answer) -> Void
    ) -> Task<Void, Never> {
        let responder = responder
        var context = GatewayContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
        context.held = BudgetShare(of: shard.shared.answers.budget)
        let (head, body, routed) = (request.head, request.body, context)
        let client = ReadClient(channel)
        let work: @Sendable () async -> Void = {
            await ReadClient.$current.withValue(client) {
                let answer = await Self.answer(head, body, routed, responder)
                if !Task.isCancelled { complete(answer) }
            }
        }
        return shard.shared.outside.run(work)
    }

    private static func answer(
        _ head: HTTPRequestHead,
        _ body: ByteBuffer,
        _ context: GatewayContext,
        _ responder: any HTTPResponder<GatewayContext>
    ) async -> Answer {
        do {
            let request = Request(
                head: try HTTPRequest(head, secure: false, splitCookie: false),
                body: RequestBody(buffer: body)
            )
            var answer = try await Answer(collecting: responder.respond(to: request, context: context))
            answer.held = context.held
            return answer
        } catch {
            return problem(error, head, context.logger).answer
        }
    }

    /// Asks an application for a stream. `complete` is called once, on any thread; not at all where the work is cancelled.
    ///
    /// - Returns: What works on it; nil where there is nothing to ask.
    func grant(
        _ request: IncomingRequest,
        _ channel: any Channel,
        complete: @escaping @Sendable (Result<StreamGrant, Problem>) -> Void
    ) -> Task<Void, Never>? {
        guard case .granted(let path) = request.route, let route = limits.streams[path] else {
            complete(.failure(Problem(.notFound, "There is no stream here.")))
            return nil
        }
        let (head, logger, client) = (request.head, logger, ReadClient(channel))
        let work: @Sendable () async -> Void = {
            let grant: Result<StreamGrant, Problem> = await ReadClient.$current.withValue(client) {
                do {
                    return .success(try await route.grant(HTTPRequest(head, secure: false, splitCookie: false)))
                } catch {
                    return .failure(Self.problem(error, head, logger))
                }
            }
            if !Task.isCancelled { complete(grant) }
        }
        return shard.shared.outside.run(work)
    }

    private static func problem(_ error: any Error, _ head: HTTPRequestHead, _ logger: Logger) -> Problem {
        let problem = Problem(error)
        if problem.status == .internalServerError {
            logger.error(
                "A request failed",
                metadata: ["method": "\(head.method)", "uri": "\(head.uri.quotedForPeople)", "error": "\(error)"]
            )
        }
        return problem
    }

    func streamRequest(_ request: IncomingRequest, _ grant: StreamGrant?) throws(Problem) -> EventStream.Request {
        try EventStream.Request(
            request,
            grant: grant,
            limits: limits,
            extraHeaders: access.headers(for: request.head),
            date: date.value
        )
    }

    /// Gives the connection to a stream, and removes everything that it no longer needs.
    func takeOver(_ context: ChannelHandlerContext, _ request: EventStream.Request) {
        let pipeline = context.pipeline.syncOperations
        do {
            // Its own first bytes go out as it is added; the handlers behind it see nothing any more.
            try pipeline.addHandler(EventStream(request: request, shard: shard), position: .first)
            try pipeline.removeHandler(
                context: pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
            )
            .cascade(to: nil)
            try pipeline.removeHandler(context: pipeline.context(handlerType: RequestLinePeek.self)).cascade(to: nil)
            pipeline.removeHandler(context: context).cascade(to: nil)
        } catch {
            context.close(promise: nil)
        }
    }

    /// The head of an answer as bytes, with room for its body.
    func head(of answer: Answer, to request: HTTPRequestHead, keepsAlive: Bool) -> ByteBuffer {
        var head = ResponseHead(answer.status, bodyBytes: answer.body.readableBytes)
        var (hasLength, hasCacheRule, hasTypeRule) = (false, false, false)
        for field in answer.headers {
            switch field.name {
            case .contentLength:
                // RFC 9110 §8.6 allows no length with 204; the router puts one there.
                if answer.status == .noContent { continue }
                hasLength = true
            case .cacheControl: hasCacheRule = true
            case .xContentTypeOptions: hasTypeRule = true
            case .vary where access.variesByOrigin: continue
            default: break
            }
            head.add(field.name.rawName, field.value)
        }
        if answer.isForPrograms {
            if !hasCacheRule { head.add("Cache-Control", "no-store") }
            if !hasTypeRule { head.add("X-Content-Type-Options", "nosniff") }
        }
        if !hasLength, answer.status != .noContent, answer.status != .notModified,
            !(request.method == .HEAD && answer.body.readableBytes == 0)
        {
            head.add("Content-Length", "\(answer.body.readableBytes)")
        }
        head.add("Date", date.value)
        if access.variesByOrigin {
            let fields = access.headers(for: request, vary: answer.headers[values: .vary])
            for (name, value) in fields { head.add(name, value) }
        }
        if !keepsAlive {
            head.add("Connection", "close")
        } else if !request.usesHTTP11 {
            head.add("Connection", "keep-alive")
        }
        return head.end()
    }

    /// Called about once a second.
    func tick(_ now: NIODeadline) {
        date.refresh()
        connections.forEach { $0.tick(now) }
    }
}

/// The connections of an event loop that no stream has taken over.
///
/// Confined to its event loop.
final class OpenConnections {
    private var handlers: [ObjectIdentifier: ConnectionHandler] = [:]

    var isEmpty: Bool { handlers.isEmpty }

    func insert(_ handler: ConnectionHandler) {
        handlers[ObjectIdentifier(handler)] = handler
    }

    func remove(_ handler: ConnectionHandler) {
        handlers[ObjectIdentifier(handler)] = nil
    }

    /// - Parameter body: May close connections.
    func forEach(_ body: (ConnectionHandler) -> Void) {
        for handler in Array(handlers.values) { body(handler) }
    }
}

/// Gathers the body of the router's answer: all of them are bounded and in memory.
private final class BodyCollector: ResponseBodyWriter, Sendable {
    private let buffer = Mutex(ByteBuffer())

    var bytes: ByteBuffer { buffer.withLock { $0 } }

    func write(_ part: ByteBuffer) async throws {
        buffer.withLock { _ = $0.writeImmutableBuffer(part) }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

extension Answer {
    init(collecting response: Response) async throws {
        let body = BodyCollector()
        try await response.body.write(body)
        self.init(status: response.status, headers: response.headers, body: body.bytes, isForPrograms: false)
    }
}

extension LoopRoute {
    var isStream: Bool {
        switch self {
        case .stream, .streamOfGroups, .granted: true
        case .publish, .publishBatch, .wholeServer: false
        }
    }
}
