import Hummingbird

/// Makes problems of the router's own errors, which it would answer without a word.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = GatewayContext

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError {
            // Not an error that the router answers: it comes through to the connection.
            throw Problem(error)
        }
    }
}
