import Broker
import Foundation
import Gateway
import HTTPTypes
import Hummingbird

/// A browser that has asked for something: its token, and who is signed in with it.
struct Visitor: Sendable {
    let kind: Session.Kind
    let token: SecretToken
    /// Whether the browser does not have the token yet.
    let isNew: Bool
    var session: Session?
    /// See ``ChatConfiguration/origins``; in lower case.
    let origins: Set<String>

    /// Whether a token stands for the session: nobody has signed in.
    var hasToken = false
    /// What the next page gives the browser, for its forms.
    var newCookie: String?

    var formToken: String { token.formToken }

    /// Refuses what does not come from a page of ours: by the browser's word (`Origin`), and by the page's token.
    ///
    /// - Throws: 403.
    func checkForm(_ request: Request, token field: String?) throws {
        guard try isCurrent(request, token: field) else {
            throw HTTPError(
                .forbidden,
                message: "The form's token (csrf_token, or X-CSRFToken) is missing or old. Load the page again."
            )
        }
    }

    /// Whether a form has the token of this browser. One of ours has not where somebody has signed in, or out, in another
    /// window since it was loaded.
    ///
    /// - Throws: 403 for a form from another site's page.
    func isCurrent(_ request: Request, token field: String?) throws -> Bool {
        if let origin = request.headers[.origin]?.lowercased() {
            let authority = request.head.authority?.lowercased() ?? ""
            guard origins.contains(origin) || ["http://", "https://"].contains(where: { origin == $0 + authority })
            else {
                throw HTTPError(.forbidden, message: "This form was sent from a page of another site.")
            }
        }
        let given = request.headers[.csrfToken] ?? field ?? ""
        return !isNew && SecretToken.areEqual(Data(given.utf8), Data(formToken.utf8))
    }

    /// For people, whose page was not current.
    static let oldPage = "The page was old, or the browser keeps no cookies. The page is new now: try again."
}

extension Sessions {
    func visitor(_ headers: HTTPFields, _ kind: Session.Kind) async throws(BrokerError) -> Visitor {
        guard let token = kind.token(in: headers, cookies) else {
            return Visitor(kind: kind, token: SecretToken(), isNew: true, session: nil, origins: origins)
        }
        return Visitor(kind: kind, token: token, isNew: false, session: try await find(token, kind), origins: origins)
    }

    /// The one `Set-Cookie` of an answer: for TLS only where the browser came by TLS, as the connection, its form (`Origin`)
    /// or a proxy says. A client that makes this up only binds its own cookie to TLS.
    ///
    /// - Parameter token: Nil takes the cookie away.
    func cookie(_ kind: Session.Kind, _ token: SecretToken?, _ request: Request) -> String {
        let isSecure =
            request.head.scheme == "https"
            || request.headers[.origin]?.lowercased().hasPrefix("https://") == true
            || request.headers[.forwardedProtocol].map(Self.firstValue) == "https"
        let age = token == nil ? 0 : lifetime(kind).components.seconds
        return "\(cookies[kind])=\(token?.text ?? ""); Path=/; Max-Age=\(age); HttpOnly; SameSite=Lax"
            + (isSecure ? "; Secure" : "")
    }
}

extension Sessions {
    /// Of a list to which each proxy adds its own: what the browser used (`X-Forwarded-Proto`).
    private static func firstValue(_ list: String) -> String {
        (list.split(separator: ",").first ?? "").trimmingCharacters(in: .whitespaces).lowercased()
    }
}

extension HTTPField.Name {
    /// Valid names are never nil; were they, another field would be looked at in vain.
    static let csrfToken = HTTPField.Name("X-CSRFToken") ?? .te
    static let forwardedProtocol = HTTPField.Name("X-Forwarded-Proto") ?? .te
}
