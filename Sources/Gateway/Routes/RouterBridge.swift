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
    /// Their WebSockets.
    let sockets: [String: SocketRoute]
    let shared: Shard.SharedState
    let logger: Logger

    /// Passes a request to the router. `complete` is called once, on any thread; not at all where the work is cancelled.
    ///
    /// - Returns: What works on it, and on the body where that is streamed.
    func route(
        _ request: IncomingRequest,
        _ channel: any Channel,
        isFromTrustedPage: Bool,
        complete: @escaping @Sendable (RoutedResponse) -> Void
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
        let ending = shared.ending
        let work: @Sendable () async -> Void = {
            await ReadClient.$current.withValue(client) {
                // Spans of the route belong to the request's.
                let answer = await InstrumentationContext.withValue(trace) {
                    await ServerEnding.$current.withValue(ending) {
                        await Self.answer(head, id, isSecure: isSecure, body, routed, responder, complete)
                    }
                }
                withExtendedLifetime(memory) {}
                if let answer, !Task.isCancelled { complete(.whole(answer)) }
            }
        }
        return shared.outside.run(work)
    }

    /// - Parameter complete: Called where the body is streamed, before that.
    /// - Returns: The whole answer; nil where it was streamed.
    private static func answer(
        _ head: HTTPRequestHead,
        _ id: RequestID?,
        isSecure: Bool,
        _ body: ByteBuffer,
        _ context: GatewayContext,
        _ responder: any HTTPResponder<GatewayContext>,
        _ complete: @escaping @Sendable (RoutedResponse) -> Void
    ) async -> Answer? {
        do {
            let request = Request(
                head: try HTTPRequest(head, secure: isSecure, splitCookie: false),
                body: RequestBody(buffer: body)
            )
            let response = try await responder.respond(to: request, context: context)
            // RFC 9110 §6.4.1: no body is made where none is sent.
            guard head.method != .HEAD, ![.noContent, .notModified].contains(response.status) else {
                return Answer(status: response.status, headers: response.headers, isForPrograms: false)
            }
            var answer = try await RoutedBody.take(response) { head, pipe in
                try Task.checkCancellation()
                complete(.streamed(head, pipe))
            } failed: { error in
                // Nobody waits for it.
                guard !Task.isCancelled else { return }
                log(error, "A streamed response failed", head, id, context.logger)
            }
            answer?.held = context.held
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
        return ask(route.grant, request, channel, complete)
    }

    /// The same for a WebSocket.
    func accept(
        _ request: IncomingRequest,
        _ channel: any Channel,
        complete: @escaping @Sendable (Result<SocketGrant, Problem>) -> Void
    ) -> Task<Void, Never>? {
        guard case .accepted(let path) = request.route, let route = sockets[path] else {
            complete(.failure(Problem(.notFound, "There is no WebSocket here.")))
            return nil
        }
        return ask({ request, _ in try await route.accept(request) }, request, channel, complete)
    }

    private func ask<Granted: Sendable>(
        _ grant: @escaping @Sendable (HTTPRequest, Administrator?) async throws -> Granted,
        _ request: IncomingRequest,
        _ channel: any Channel,
        _ complete: @escaping @Sendable (Result<Granted, Problem>) -> Void
    ) -> Task<Void, Never> {
        let id = request.id
        let (head, isSecure, logger, client) = (request.head, request.isSecure, logger, ReadClient(channel))
        let administrator = request.principal.administrator
        let work: @Sendable () async -> Void = {
            let granted: Result<Granted, Problem> = await ReadClient.$current.withValue(client) {
                do {
                    let request = try HTTPRequest(head, secure: isSecure, splitCookie: false)
                    return .success(try await grant(request, administrator))
                } catch {
                    return .failure(Self.problem(error, head, id, logger))
                }
            }
            if !Task.isCancelled { complete(granted) }
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
        if problem.status == .internalServerError { log(error, "A request failed", head, id, logger) }
        return problem
    }

    static func log(
        _ error: any Error,
        _ what: Logger.Message,
        _ head: HTTPRequestHead,
        _ id: RequestID?,
        _ logger: Logger
    ) {
        logger.error(
            what,
            metadata: [
                "method": "\(head.method)", "path": "\(String(RequestTarget(head.uri).path).quotedForPeople)",
                "error": "\(error)", "id": "\(id?.description ?? "")",
            ]
        )
    }
}
