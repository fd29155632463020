import Broker
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// The lobby and the chat.
struct ChatPages: Sendable {
    let messages: ChatMessages
    let sessions: Sessions
    let presence: Presence
    let counters: Counters
    let templates: Templates

    /// A form holds a name, or a message of the largest size with every byte escaped.
    private var maximumFormBytes: Int { 3 * messages.log.configuration.maximumMessageSize + 4096 }

    func register(in router: Router<GatewayContext>) {
        let routes = PageRoutes(router: router, templates: templates)
        routes.add("/", get: { request, _ in try await chat(request) })
        routes.add(
            "/lobby/",
            get: { request, _ in try await lobby(request) },
            post: { request, _ in try await signIn(request) }
        )
        routes.add("/sign-out/", post: { request, _ in try await signOut(request) })
        routes.add("/create-message/", post: { request, _ in try await createMessage(request) })
        routes.add("/here/", get: { request, _ in try await here(request) })
    }

    // MARK: Pages

    private func chat(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        guard let session = visitor.session else { return .redirect("/lobby/") }
        return try templates.page("chat", ["title": "Chat", "name": session.name, "token": visitor.formToken])
    }

    /// - Parameter typed: The name that was refused, to be mended and sent again.
    private func lobby(
        _ request: Request,
        typed: String = "",
        refusal: (String, HTTPResponse.Status)? = nil
    ) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        var values: [String: Any] = ["title": "Lobby", "token": visitor.formToken, "username": typed]
        values["name"] = visitor.session?.name
        values["refusal"] = refusal?.0
        return try templates.page(
            "lobby",
            values,
            status: refusal?.1 ?? .ok,
            cookie: visitor.isNew ? sessions.cookie(.chat, visitor.token, request) : nil
        )
    }

    // MARK: Signing in and out

    private func signIn(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        let form = try await FormFields(request, maximumBytes: 64 << 10)
        let typed = form["username"] ?? ""
        guard try visitor.isCurrent(request, token: form["csrf_token"]) else {
            return try await lobby(request, typed: typed, refusal: (Visitor.oldPage, .forbidden))
        }
        guard let name = DisplayName.trimmed(typed) else {
            let refusal = "A name has at most \(DisplayName.maximumLength) characters."
            return try await lobby(request, typed: typed, refusal: (refusal, .badRequest))
        }
        let token = try await sessions.begin(
            .chat,
            name: name.isEmpty ? DisplayName.random() : name,
            replacing: visitor.session
        )
        if let old = visitor.session { await presence.signOut(old) }
        return .redirect("/", cookie: sessions.cookie(.chat, token, request))
    }

    private func signOut(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        let form = try await FormFields(request, maximumBytes: 64 << 10)
        guard try visitor.isCurrent(request, token: form["csrf_token"]) else {
            return try await lobby(request, refusal: (Visitor.oldPage, .forbidden))
        }
        if let session = visitor.session {
            try await sessions.end(session)
            await presence.signOut(session)
        }
        return .redirect("/lobby/", cookie: sessions.cookie(.chat, nil, request))
    }

    // MARK: Messages

    private struct Created: Encodable {
        let id: String
    }

    private func createMessage(_ request: Request) async throws -> Response {
        do {
            return try await create(request)
        } catch let error as HTTPError where error.status == .contentTooLarge {
            throw tooLong
        } catch let error as BrokerError where error.code == .messageTooLarge {
            // The broker's sentence speaks to its operator.
            throw tooLong
        }
    }

    private func create(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        guard let session = visitor.session else { throw Self.signedOut }
        let form = try await FormFields(request, maximumBytes: maximumFormBytes)
        try visitor.checkForm(request, token: form["csrf_token"])
        // Forms have CRLF for every line break (HTML standard, §4.10.22), which nobody has typed.
        let content = (form["content"] ?? "").replacing("\r\n", with: "\n")
        guard !content.allSatisfy(\.isWhitespace) else { return Response(status: .ok) }
        let sending = form["sending"].flatMap { (1...100).contains($0.utf8.count) ? $0 : nil }
        let began = NIODeadline.now()
        let id = try await messages.post(content, by: session.name, sending: sending)
        counters.countPublish(since: began)
        return try .json(Created(id: "\(id)"), status: .created)
    }

    private var tooLong: HTTPError {
        let size = messages.log.configuration.maximumMessageSize
        return HTTPError(.contentTooLarge, message: "The message is too long: \(size) bytes are allowed. Shorten it.")
    }

    private func here(_ request: Request) async throws -> Response {
        guard try await sessions.visitor(request.headers, .chat).session != nil else { throw Self.signedOut }
        return try .json(presence.report)
    }

    private static let signedOut = HTTPError(.forbidden, message: "You are not signed in: choose a name in the lobby.")

    /// All messages, then new ones: the gateway's own stream of the chat's group.
    var stream: StreamRoute {
        StreamRoute(path: "/stream-chat-messages/") { request in
            let visitor = try await sessions.visitor(request.headerFields, .chat)
            guard let session = visitor.session else { throw Self.signedOut }
            let groups = [messages.group, messages.changes]
            return try await StreamGrant(
                groups: groups,
                payload: .composed(messages.names),
                beginsWithAll: true,
                user: session.name
            )
            .held(by: session, presence, request, else: Self.signedOut) {
                try await sessions.visitor(request.headerFields, .chat).session != nil
            }
        }
    }
}
