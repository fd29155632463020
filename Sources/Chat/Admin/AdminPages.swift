import Broker
import Foundation
import Gateway
import HTTPTypes
import Hummingbird

/// The admin: sign-in, and what its pages have in common.
struct AdminPages: Sendable {
    let messages: ChatMessages
    let sessions: Sessions
    /// Administrators with an open stream. Nobody is told of them.
    let presence: Presence
    let password: AdminPassword
    let statistics: Statistics
    let templates: Templates
    let tail: TailComposer
    let notices = Notices()

    static let rows = 50

    func register(in router: Router<GatewayContext>) {
        let routes = PageRoutes(router: router, templates: templates)
        routes.add("/admin/", get: signedIn(overview))
        routes.add("/admin/sign-in/", get: { try await signInPage($0) }, post: signIn)
        routes.add("/admin/sign-out/", post: form(signOut))
        routes.add("/admin/statistics/", get: signedIn { _, _ in try .json(statistics.samples) })
        routes.add("/admin/messages/", get: signedIn(messageList))
        routes.add("/admin/messages/delete/", post: form(deleteMessages))
        routes.add("/admin/authors/", get: signedIn(authorList))
        routes.add("/admin/author/", get: signedIn(authorPage))
        routes.add("/admin/author/rename/", post: form(renameAuthor))
        routes.add("/admin/author/delete/", post: form(deleteAuthor))
        routes.add("/admin/groups/", get: signedIn(groupList))
        routes.add("/admin/groups/purge/", post: form(purgeGroup))
        routes.add("/admin/live/", get: signedIn { try await live($0, $1) })
        routes.add("/admin/publish/", post: form(publish))
        routes.add("/admin/**", get: signedIn { _, _ in throw HTTPError(.notFound, message: "There is no such page.") })
    }

    // MARK: Access

    typealias VisitorHandler = @Sendable (Request, Visitor) async throws -> Response
    typealias FormHandler = @Sendable (Request, Visitor, FormFields) async throws -> Response

    private func signedIn(_ handler: @escaping VisitorHandler) -> PageHandler {
        { request in
            let visitor = try await sessions.visitor(request.headers, .admin)
            guard visitor.session != nil else { return .redirect("/admin/sign-in/") }
            return try await handler(request, visitor)
        }
    }

    /// A form of a page of the admin: signed in first, then the form's token.
    private func form(_ handler: @escaping FormHandler) -> PageHandler {
        { request in
            let visitor = try await sessions.visitor(request.headers, .admin)
            guard visitor.session != nil else { throw Self.signedOut }
            let fields = try await FormFields(request, maximumBytes: 8 << 20)
            try visitor.checkForm(request, token: fields["csrf_token"])
            return try await handler(request, visitor, fields)
        }
    }

    static let signedOut = HTTPError(.forbidden, message: "You are not signed in: sign in at /admin/.")

    /// A page of the admin with its frame.
    func page(
        _ name: String,
        _ visitor: Visitor,
        title: String,
        _ values: [String: Any] = [:],
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        var frame: [String: Any] = [
            "title": title, "token": visitor.formToken,
            "navigation": Self.sections.map { path, label in
                ["path": path, "label": label, "isCurrent": label == title] as [String: Any]
            },
        ]
        frame["notice"] = notices.take(for: visitor.session)
        return try templates.page(name, values.merging(frame) { first, _ in first }, status: status)
    }

    private static let sections = [
        ("/admin/", "Overview"), ("/admin/messages/", "Messages"), ("/admin/authors/", "Authors"),
        ("/admin/groups/", "Groups"), ("/admin/live/", "Live"),
    ]

    // MARK: Coming back to a list

    /// To a page of the admin, which shows the notice.
    func redirect(_ visitor: Visitor, _ path: String, notice: String) -> Response {
        notices.leave(notice, for: visitor.session)
        return .redirect(path)
    }

    /// The query of a list, as far as it has any.
    static func query(_ names: [String], _ value: (String) -> String) -> String {
        let items = names.compactMap { name -> String? in
            let value = value(name)
            return value.isEmpty ? nil : "\(name)=\(formEncoded(value))"
        }
        return items.isEmpty ? "" : "?" + items.joined(separator: "&")
    }

    /// The same for a form, as hidden fields.
    static func fields(_ names: [String], _ value: (String) -> String) -> [[String: Any]] {
        names.map { ["name": $0, "value": value($0)] }
    }

    /// Encoded for a query (WHATWG URL §5.2), the strict way.
    static func formEncoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.intersection(asciiCharacters)) ?? ""
    }

    private static var asciiCharacters: CharacterSet { CharacterSet(charactersIn: " "..."~") }

    // MARK: Signing in and out

    private func signInPage(_ request: Request, refusal: (String, HTTPResponse.Status)? = nil) async throws -> Response
    {
        let visitor = try await sessions.visitor(request.headers, .admin)
        guard visitor.session == nil else { return .redirect("/admin/") }
        var values: [String: Any] = ["title": "Sign in", "token": visitor.formToken]
        values["refusal"] = refusal?.0
        return try templates.page(
            "admin-sign-in",
            values,
            status: refusal?.1 ?? .ok,
            cookie: visitor.isNew ? sessions.cookie(.admin, visitor.token, request) : nil
        )
    }

    private func signIn(_ request: Request) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .admin)
        let form = try await FormFields(request, maximumBytes: 64 << 10)
        guard try visitor.isCurrent(request, token: form["csrf_token"]) else {
            return try await signInPage(request, refusal: (Visitor.oldPage, .forbidden))
        }
        switch password.check(form["password"] ?? "") {
        case .wrong:
            return try await signInPage(request, refusal: ("That is not the password.", .forbidden))
        case .tooMany(let seconds):
            var page = try await signInPage(
                request,
                refusal: ("Too many wrong passwords. Try again in \(seconds) s.", .tooManyRequests)
            )
            page.headers[.retryAfter] = "\(seconds)"
            return page
        case .right:
            let token = try await sessions.begin(.admin, name: "admin", replacing: visitor.session)
            if let old = visitor.session { await presence.signOut(old) }
            return .redirect("/admin/", cookie: sessions.cookie(.admin, token, request))
        }
    }

    private func signOut(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        if let session = visitor.session {
            try await sessions.end(session)
            await presence.signOut(session)
            _ = notices.take(for: session)
        }
        return .redirect("/admin/sign-in/", cookie: sessions.cookie(.admin, nil, request))
    }

    // MARK: Confirming

    /// Asks before something is removed for good. The answer comes as the same form with `confirmed`.
    ///
    /// - Parameter question: In its midst a name, which has a direction of its own.
    func confirm(
        _ visitor: Visitor,
        question: (begin: String, name: String?, end: String),
        action: String,
        button: String,
        back: String,
        fields: [(String, String)],
        items: [[String: Any]] = []
    ) throws -> Response {
        var values: [String: Any] = [
            "question": question.begin, "questionEnd": question.end, "action": action, "button": button, "back": back,
            "items": items, "fields": fields.map { ["name": $0.0, "value": $0.1] },
        ]
        values["subject"] = question.name
        return try page("admin-confirm", visitor, title: "Are you sure?", values)
    }
}
