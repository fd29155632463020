import Broker
public import HTTPTypes
public import Hummingbird

/// What answers a request, and what it needs. There is no way to make one without saying that.
struct RouteHandler: Sendable {
    typealias Handle = @Sendable (Request, GatewayContext) async throws -> Response

    let need: RouteNeed
    /// Whether `handle` checks the right to a group.
    private(set) var isForGroup = false
    /// Whom it lets in beside those who have what it needs.
    private(set) var sessions: AdministratorSessions?
    let handle: Handle

    /// - Parameter needs: What the context's `access` allows then.
    init(needs need: RouteNeed, _ handle: @escaping @Sendable (Request, GatewayContext) async throws -> Answer) {
        self.init(
            needs: need,
            response: { request, context in
                try await handle(request, context).response(from: request, context: context)
            }
        )
    }

    fileprivate init(needs need: RouteNeed, response handle: @escaping Handle) {
        (self.need, self.handle) = (need, handle)
    }

    /// Needs the right `admin`, or a session of an administrator.
    static func administration(
        _ sessions: AdministratorSessions?,
        _ handle: @escaping @Sendable (Request, GatewayContext) async throws -> Answer
    ) -> RouteHandler {
        var handler = RouteHandler(needs: .server(.admin), handle)
        handler.sessions = sessions
        return handler
    }

    /// Refuses whoever has neither what it needs nor a session that does.
    ///
    /// - Throws: ``Problem``: 401, 403; what the look for the session throws.
    func check(_ request: Request, _ context: GatewayContext) async throws {
        do throws(Problem) { try need.check(context.principal) } catch {
            guard let sessions else { throw error }
            // A token that does not count is refused in any case.
            try context.principal.checkToken()
            // As with a token in a cookie: the browser sends it by itself.
            guard context.isFromTrustedPage, try await sessions.has(request.head) else { throw error }
        }
    }

    /// Needs a right to the group that the path names, as `:group`; `handle` is called once it is there.
    static func group(
        _ right: Right,
        _ handle: @escaping @Sendable (Request, GatewayContext, GroupName) async throws -> Answer
    ) -> RouteHandler {
        var handler = RouteHandler(needs: .groups(right)) { request, context in
            let group = try GroupName(request.pathText("group", context))
            try context.access.check(group)
            try context.checkRest()
            return try await handle(request, context, group)
        }
        handler.isForGroup = true
        return handler
    }
}

extension Router where Context == GatewayContext {
    /// Registers a page with its methods, and answers for the others: 405 with `Allow`, and `OPTIONS`. `HEAD` comes with
    /// `GET`.
    ///
    /// - Parameters:
    ///   - needs: What the page needs: an application's pages judge their requests themselves, or tell everybody the same.
    ///   - handlers: What they return is a `Response`, or makes one, as a ``StreamingResponse`` does.
    public func page(
        _ path: RouterPath,
        needs: RouteNeed,
        _ handlers: [HTTPRequest.Method: @Sendable (Request, GatewayContext) async throws -> any ResponseGenerator]
    ) {
        let handlers = handlers.mapValues { handler in
            RouteHandler(
                needs: needs,
                response: { request, context in
                    do {
                        return try await handler(request, context).response(from: request, context: context)
                    } catch let error as HTTPError {
                        throw Problem(error)
                    }
                }
            )
        }
        resource(path, handlers)
    }

    /// Registers a path with its methods, and an answer for every other method: 405 with `Allow` (RFC 9110 §15.5.6), which
    /// the router itself does not give. `OPTIONS` tells what is allowed and answers preflights; `HEAD` comes with `GET`.
    ///
    /// - Parameter onLoop: Methods that are answered before the router.
    func resource(_ path: RouterPath, onLoop: [HTTPRequest.Method] = [], _ handlers: [HTTPRequest.Method: RouteHandler])
    {
        var handlers = handlers
        if let get = handlers[.get] { handlers[.head] = get }
        let allowed = Set(handlers.keys).union(onLoop).union([.options]).map(\.rawValue).sorted().joined(
            separator: ", "
        )
        for method in HTTPRequest.Method.known where !onLoop.contains(method) {
            if let handler = handlers[method] {
                on(path, method: method) { request, context in
                    var context = context
                    try await handler.check(request, context)
                    // Those of a group look at it first.
                    if !handler.isForGroup { try context.checkRest() }
                    context.access = context.principal.access(for: handler.need)
                    return try await handler.handle(request, context)
                }
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
    static let known: [HTTPRequest.Method] = [
        "GET", "PUT", "ACL", "HEAD", "POST", "COPY", "LOCK", "MOVE", "BIND", "LINK", "PATCH", "TRACE", "MKCOL", "MERGE",
        "PURGE", "NOTIFY", "SEARCH", "UNLOCK", "REBIND", "UNBIND", "REPORT", "DELETE", "UNLINK", "CONNECT",
        // M-SEARCH, as SwiftNIO spells it.
        "MSEARCH",
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
