public import HTTPTypes
public import Hummingbird

extension Router where Context == GatewayContext {
    typealias Handler = @Sendable (Request, Context) async throws -> Answer

    /// Registers a page with its methods, and answers for the others: 405 with `Allow`, and `OPTIONS`. `HEAD` comes with
    /// `GET`.
    public func page(
        _ path: RouterPath,
        _ handlers: [HTTPRequest.Method: @Sendable (Request, GatewayContext) async throws -> Response]
    ) {
        let handlers = handlers.mapValues { handler -> Handler in
            { request, context in
                do {
                    return try await Answer(collecting: handler(request, context))
                } catch let error as HTTPError {
                    throw Problem(error)
                }
            }
        }
        resource(path, handlers)
    }

    /// Registers a path with its methods, and an answer for every other method: 405 with `Allow` (RFC 9110 §15.5.6), which
    /// the router itself does not give. `OPTIONS` tells what is allowed and answers preflights; `HEAD` comes with `GET`.
    ///
    /// - Parameter onLoop: Methods that are answered before the router.
    func resource(_ path: RouterPath, onLoop: [HTTPRequest.Method] = [], _ handlers: [HTTPRequest.Method: Handler]) {
        var handlers = handlers
        if let get = handlers[.get] { handlers[.head] = get }
        let allowed = Set(handlers.keys).union(onLoop).union([.options]).map(\.rawValue).sorted().joined(
            separator: ", "
        )
        for method in HTTPRequest.Method.known where !onLoop.contains(method) {
            if let handler = handlers[method] {
                on(path, method: method, use: handler)
            } else if method == .options {
                on(path, method: method) { _, _ in AccessPolicy.options(allowed) }
            } else {
                on(path, method: method) { request, _ -> Answer in
                    throw Problem(
                        .methodNotAllowed,
                        "\(request.method) is not possible here. Possible: \(allowed).",
                        headers: [.allow: allowed]
                    )
                }
            }
        }
    }
}

extension HTTPRequest.Method {
    /// Every method that the HTTP/1 parser knows; it refuses others.
    fileprivate static let known: [HTTPRequest.Method] = [
        "GET", "PUT", "ACL", "HEAD", "POST", "COPY", "LOCK", "MOVE", "BIND", "LINK", "PATCH", "TRACE", "MKCOL", "MERGE",
        "PURGE", "NOTIFY", "SEARCH", "UNLOCK", "REBIND", "UNBIND", "REPORT", "DELETE", "UNLINK", "CONNECT", "M-SEARCH",
        "OPTIONS", "PROPFIND", "CHECKOUT", "PROPPATCH", "SUBSCRIBE", "MKCALENDAR", "MKACTIVITY", "UNSUBSCRIBE",
        "SOURCE", "QUERY",
    ].compactMap { HTTPRequest.Method($0) }
}

extension Request {
    /// The decoded value of a path parameter.
    func pathText(_ name: String, _ context: GatewayContext) -> String {
        let text = context.parameters.get(name) ?? ""
        return FormText.percentDecoded(text) ?? text
    }

    /// The query's fields by name; the last one of a name counts.
    ///
    /// - Throws: ``Problem``: also for one that is not known.
    @discardableResult
    func query(_ known: QueryParameters) throws(Problem) -> [String: String] {
        let fields = try RequestTarget(head.path ?? "/").fields()
        try known.check(fields)
        return Dictionary(fields.map { ($0.name, $0.value) }) { $1 }
    }
}
