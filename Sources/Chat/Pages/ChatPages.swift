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
        routes.add("/", get: chat)
        routes.add("/lobby/", get: { try await lobby($0) }, post: signIn)
        routes.add("/sign-out/", post: signOut)
        routes.add("/create-message/", post: createMessage)
        routes.add("/here/", get: here)
    }

    // MARK: Pages

    private func chat(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        guard let session = visitor.session else { return .redirect("/lobby/") }
        return try templates.page("chat", ["title": "Chat", "name": session.name, "token": visitor.formToken])
    }

    private func lobby(_ request: Request, refusal: String? = nil) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        var values: [String: Any] = ["title": "Lobby", "token": visitor.formToken]
        values["name"] = visitor.session?.name
        values["refusal"] = refusal
        return try templates.page(
            "lobby",
            values,
            status: refusal == nil ? .ok : .badRequest,
            cookie: visitor.isNew ? sessions.cookie(.chat, visitor.token, request) : nil
        )
    }

    // MARK: Signing in and out

    private func signIn(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        let form = try await FormFields(request, maximumBytes: 64 << 10)
        try visitor.checkForm(request, token: form["csrf_token"])
        guard let name = DisplayName.trimmed(form["username"] ?? "") else {
            return try await lobby(request, refusal: "A name has at most \(DisplayName.maximumLength) characters.")
        }
        let token = try await sessions.begin(
            .chat,
            name: name.isEmpty ? DisplayName.random() : name,
            replacing: visitor.session
        )
        if let old = visitor.session { presence.signOut(old) }
        return .redirect("/", cookie: sessions.cookie(.chat, token, request))
    }

    private func signOut(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .chat)
        let form = try await FormFields(request, maximumBytes: 64 << 10)
        try visitor.checkForm(request, token: form["csrf_token"])
        if let session = visitor.session {
            try await sessions.end(session)
            presence.signOut(session)
        }
        return .redirect("/lobby/", cookie: sessions.cookie(.chat, nil, request))
    }

    // MARK: Messages

    private struct Created: Encodable {
        let id: String
    }

    private func createMessage(_ request: Request) async throws -> Response {
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
            var grant = StreamGrant(
                groups: [messages.group, messages.changes],
                payload: .composed(messages.names),
                beginsWithAll: true
            )
            guard request.method != .head else { return grant }
            let seat = presence.enter(session)
            grant.held = seat
            grant.isValid = { [weak seat] in seat?.isValid ?? false }
            return grant
        }
    }
}
