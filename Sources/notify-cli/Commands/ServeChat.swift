import ArgumentParser
import Broker
import Chat
import Gateway
import Hummingbird

/// The options of the chat that `serve` shows on its pages.
struct ServeChat: ParsableArguments {
    @Flag(help: "Serve no chat and no lobby, and no admin without --admin. NOTIFY_NO_CHAT.")
    var noChat = false

    @Flag(
        help: ArgumentHelp(
            "Serve the admin also without the chat. NOTIFY_ADMIN.",
            discussion:
                "On a public address it needs --admin-password, or keys: a token with the right 'admin' opens it."
        )
    )
    var admin = false

    @Option(
        help: ArgumentHelp(
            "The password of /admin/ (default: one is made and printed at the first start on loopback). NOTIFY_ADMIN_PASSWORD.",
            discussion: "Better in the environment or the file: other users of this machine see command lines."
        )
    )
    var adminPassword: String?

    @Option(help: "How long somebody stays signed in to the chat (default: 14d). NOTIFY_SESSION_LIFETIME.")
    var sessionLifetime: String?

    /// Nil where there is to be neither chat nor admin: by option, or since the server is not on loopback and nobody has asked
    /// for them.
    func configuration(_ settings: Settings, _ gateway: GatewayConfiguration) throws -> ChatConfiguration? {
        let isLoopback = GatewayConfiguration.isLoopback(gateway.host)
        let isOff = try settings.bool(.noChat, option: noChat ? true : nil, default: !isLoopback)
        let isAsked = try settings.bool(.admin, option: admin ? true : nil, default: !isOff)
        var configuration = ChatConfiguration()
        settings.declare(.adminPassword, absent: isLoopback ? "made at the first start" : "none")
        configuration.adminPassword = try settings.string(.adminPassword, option: adminPassword)
        guard configuration.adminPassword?.isEmpty != true else {
            throw UsageError("--admin-password is empty: leave it out, and one is made.")
        }
        configuration.generatesAdminPassword = isLoopback
        configuration.takesTokens = gateway.access.hasKeys
        configuration.servesChat = !isOff
        configuration.servesAdmin = isAsked
        guard isLoopback || !isOff || !isAsked || configuration.adminPassword != nil || configuration.takesTokens else {
            throw UsageError(
                "--admin on a public address needs a way in: --admin-password, or keys such as --api-keys."
            )
        }
        configuration.origins = gateway.allowedOrigins
        configuration.sessionLifetime = try settings.duration(
            .sessionLifetime,
            option: sessionLifetime,
            default: configuration.sessionLifetime
        )
        guard configuration.sessionLifetime >= .seconds(1) else {
            throw UsageError("--session-lifetime must be at least 1s.")
        }
        return isOff && !isAsked ? nil : configuration
    }
}

extension Chat {
    /// What the greeting says of the pages.
    func greeting(_ url: String) -> String {
        let password = newAdminPassword.map { "  (password: \($0), shown only this time)" } ?? ""
        return """
            \(hasChat ? "Chat:              \(url)/" : "Chat:              off")
            \(hasAdmin ? "Admin:             \(url)/admin/\(password)" : "Admin:             off; --admin-password turns it on")
            """
    }
}
