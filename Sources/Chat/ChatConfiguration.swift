/// What an operator can set of the chat.
public struct ChatConfiguration: Sendable {
    /// How long somebody stays signed in.
    public var sessionLifetime = Duration.seconds(14 * 86_400)
    /// How long an administrator stays signed in.
    public var adminSessionLifetime = Duration.seconds(12 * 3600)
    /// The administrator's password; nil: see ``generatesAdminPassword``.
    public var adminPassword: String?
    /// Whether a password is made where none is set. It is shown once, at the first start; without one there is no admin.
    public var generatesAdminPassword = true
    /// Whether browsers reach the server by TLS, so that cookies are sent by TLS only. A proxy that says so in
    /// `X-Forwarded-Proto` has the same effect on its requests.
    public var usesTLS = false

    public init() {}
}
