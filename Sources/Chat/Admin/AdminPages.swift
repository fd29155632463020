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
    /// Nil where nobody can sign in, and a token is needed.
    let password: AdminPassword?
    /// Whether the server has keys.
    let takesTokens: Bool
    let openStreams: OpenStreams
    let counters: Counters
    let statistics: Statistics
    let templates: Templates
    let tail: TailComposer
    let notices = Notices()

    static let rows = 50

    func register(in router: Router<GatewayContext>) {
        let routes = PageRoutes(router: router, templates: templates)
        routes.add("/admin/", get: signedIn(overview))
        routes.add(
            "/admin/sign-in/",
            get: { request, context in try await signInPage(request, context) },
            post: { request, context in try await signIn(request, context) }
        )
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
        routes.add("/admin/connections/", get: signedIn(connectionList))
        routes.add("/admin/connections/end/", post: form(endConnection))
        routes.add("/admin/access/", get: signedIn(accessPage))
        routes.add("/admin/live/", get: signedIn(live))
        routes.add("/admin/publish/", post: form(publish))
        routes.add("/admin/**", get: signedIn { _, _ in throw HTTPError(.notFound, message: "There is no such page.") })
    }

    /// A page of the admin with its frame.
    func page(
        _ name: String,
        _ visitor: Visitor,
        title: String,
        _ values: [String: Any] = [:],
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        var frame: [String: Any] = [
            "title": title, "token": visitor.formToken, "hasSession": !visitor.hasToken,
            "navigation": Self.sections.map { path, label in
                ["path": path, "label": label, "isCurrent": label == title] as [String: Any]
            },
        ]
        frame["notice"] = notices.take(for: visitor.session)
        return try templates.page(
            name,
            values.merging(frame) { first, _ in first },
            status: status,
            cookie: visitor.newCookie
        )
    }

    private static let sections = [
        ("/admin/", "Overview"), ("/admin/messages/", "Messages"), ("/admin/authors/", "Authors"),
        ("/admin/groups/", "Groups"), ("/admin/connections/", "Connections"), ("/admin/access/", "Access"),
        ("/admin/live/", "Live"),
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
