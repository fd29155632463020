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
    /// Origins under which browsers see the pages beside the server's own address, such as `https://example.org` with a
    /// proxy that adds TLS. Forms that come from them are the pages' own.
    public var origins: [String] = []

    /// With the defaults.
    public init() {}
}
