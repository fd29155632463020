import Broker
import Foundation
import Gateway
import HTTPTypes
import Hummingbird

/// Who may use the admin: whoever has signed in, or shows a token with the right `admin`.
extension AdminPages {
    typealias VisitorHandler = @Sendable (Request, Visitor) async throws -> Response
    typealias FormHandler = @Sendable (Request, Visitor, FormFields) async throws -> Response

    func signedIn(_ handler: @escaping VisitorHandler) -> PageHandler {
        { request, context in
            let visitor = try await visitor(request, context)
            guard visitor.session != nil else {
                // A program learns what lacks; a person may sign in.
                guard takesTokens, !request.wantsPage else { return .redirect("/admin/sign-in/") }
                try context.checkAdministrator()
                throw Self.noToken
            }
            return try await handler(request, visitor)
        }
    }

    /// A form of a page of the admin: signed in first, then the form's token.
    func form(_ handler: @escaping FormHandler) -> PageHandler {
        { request, context in
            let visitor = try await visitor(request, context)
            guard visitor.session != nil else {
                if takesTokens { try context.checkAdministrator() }
                throw takesTokens ? Self.noToken : Self.signedOut
            }
            let fields = try await FormFields(request, maximumBytes: 8 << 20)
            try visitor.checkForm(request, token: fields["csrf_token"])
            return try await handler(request, visitor, fields)
        }
    }

    static let signedOut = HTTPError(.forbidden, message: "You are not signed in: sign in at /admin/.")

    private static let noToken = HTTPError(
        .unauthorized,
        headers: [.wwwAuthenticate: "Bearer"],
        message:
            "This needs a token with the right 'admin'. Send it as 'Authorization: Bearer TOKEN', or sign in at /admin/."
    )

    private func visitor(_ request: Request, _ context: GatewayContext) async throws -> Visitor {
        var visitor = try await sessions.visitor(request.headers, .admin)
        guard visitor.session == nil, let administrator = context.administrator else { return visitor }
        visitor.hasToken = true
        visitor.session = Session(
            digest: Data(administrator.digest),
            name: administrator.user ?? "admin",
            expiresAt: administrator.endsAt ?? .now() + sessionLifetime
        )
        if visitor.isNew { visitor.newCookie = sessions.cookie(.admin, visitor.token, request) }
        return visitor
    }

    private var sessionLifetime: Duration { sessions.lifetime(.admin) }

    // MARK: Signing in and out

    func signInPage(
        _ request: Request,
        _ context: GatewayContext,
        refusal: (String, HTTPResponse.Status)? = nil
    ) async throws -> Response {
        let visitor = try await visitor(request, context)
        guard visitor.session == nil else { return .redirect("/admin/") }
        var values: [String: Any] = ["title": "Sign in", "token": visitor.formToken, "hasPassword": password != nil]
        values["refusal"] = refusal?.0
        return try templates.page(
            "admin-sign-in",
            values,
            status: refusal?.1 ?? .ok,
            cookie: visitor.isNew ? sessions.cookie(.admin, visitor.token, request) : nil
        )
    }

    func signIn(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let visitor = try await sessions.visitor(request.headers, .admin)
        let form = try await FormFields(request, maximumBytes: 64 << 10)
        guard try visitor.isCurrent(request, token: form["csrf_token"]) else {
            return try await signInPage(request, context, refusal: (Visitor.oldPage, .forbidden))
        }
        guard let password else {
            throw HTTPError(.forbidden, message: "No password is set: the admin is for those who have a token.")
        }
        switch password.check(form["password"] ?? "") {
        case .wrong:
            return try await signInPage(request, context, refusal: ("That is not the password.", .forbidden))
        case .tooMany(let seconds):
            var page = try await signInPage(
                request,
                context,
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

    func signOut(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        if let session = visitor.session, !visitor.hasToken {
            try await sessions.end(session)
            await presence.signOut(session)
            _ = notices.take(for: session)
        }
        return .redirect("/admin/sign-in/", cookie: sessions.cookie(.admin, nil, request))
    }
}
