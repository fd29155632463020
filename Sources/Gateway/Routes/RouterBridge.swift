import Broker
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import Tracing

/// The way from a connection to the router, and to the applications that grant streams. Both work outside the event loop.
struct RouterBridge {
    let responder: any HTTPResponder<GatewayContext>
    /// Applications' streams by their paths.
    let streams: [String: StreamRoute]
    let shared: Shard.SharedState
    let logger: Logger

    /// Passes a request to the router. `complete` is called once, on any thread; not at all where the work is cancelled.
    ///
    /// - Returns: What works on it.
    func route(
        _ request: IncomingRequest,
        _ channel: any Channel,
        isFromTrustedPage: Bool,
        complete: @escaping @Sendable (Answer) -> Void
    ) -> Task<Void, Never> {
        let responder = responder
        var context = GatewayContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
        context.principal = request.principal
        context.isFromTrustedPage = isFromTrustedPage
        context.laterProblem = request.laterProblem
        context.held = BudgetShare(of: shared.answers.budget)
        let (head, body, memory, routed) = (request.head, request.body, request.memory, context)
        let (id, trace) = (request.id, request.traceContext)
        let isSecure = request.isSecure
        let client = ReadClient(channel)
        let work: @Sendable () async -> Void = {
            await ReadClient.$current.withValue(client) {
                // Spans of the route belong to the request's.
                let answer = await InstrumentationContext.withValue(trace) {
                    await Self.answer(head, id, isSecure: isSecure, body, routed, responder)
                }
                withExtendedLifetime(memory) {}
                if !Task.isCancelled { complete(answer) }
            }
        }
        return shared.outside.run(work)
    }

    private static func answer(
        _ head: HTTPRequestHead,
        _ id: RequestID?,
        isSecure: Bool,
        _ body: ByteBuffer,
        _ context: GatewayContext,
        _ responder: any HTTPResponder<GatewayContext>
    ) async -> Answer {
        do {
            let request = Request(
                head: try HTTPRequest(head, secure: isSecure, splitCookie: false),
                body: RequestBody(buffer: body)
            )
            var answer = try await Answer(collecting: responder.respond(to: request, context: context))
            answer.held = context.held
            return answer
        } catch {
            return problem(error, head, id, context.logger).answer
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
        guard case .granted(let path) = request.route, let route = streams[path] else {
            complete(.failure(Problem(.notFound, "There is no stream here.")))
            return nil
        }
        let id = request.id
        let (head, isSecure, logger, client) = (request.head, request.isSecure, logger, ReadClient(channel))
        let administrator = request.principal.administrator
        let work: @Sendable () async -> Void = {
            let grant: Result<StreamGrant, Problem> = await ReadClient.$current.withValue(client) {
                do {
                    return .success(
                        try await route.grant(HTTPRequest(head, secure: isSecure, splitCookie: false), administrator)
                    )
                } catch {
                    return .failure(Self.problem(error, head, id, logger))
                }
            }
            if !Task.isCancelled { complete(grant) }
        }
        return shared.outside.run(work)
    }

    private static func problem(
        _ error: any Error,
        _ head: HTTPRequestHead,
        _ id: RequestID?,
        _ logger: Logger
    ) -> Problem {
        let problem = Problem(error)
        if problem.status == .internalServerError {
            logger.error(
                "A request failed",
                metadata: [
                    "method": "\(head.method)", "path": "\(String(RequestTarget(head.uri).path).quotedForPeople)",
                    "error": "\(error)", "id": "\(id?.description ?? "")",
                ]
            )
        }
        return problem
    }
}
