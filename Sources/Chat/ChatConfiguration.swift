/// What an operator can set of the chat.
public struct ChatConfiguration: Sendable {
    /// Whether the chat and its lobby are served.
    public var servesChat = true
    /// Whether the admin is served, as far as somebody can get in: with a password, or with a token where there are keys.
    public var servesAdmin = true
    /// Whether the gateway has keys: then a token with the right `admin` opens the admin.
    public var takesTokens = false
    /// How long somebody stays signed in.
    public var sessionLifetime = Duration.seconds(14 * 86_400)
    /// How long an administrator stays signed in.
    public var adminSessionLifetime = Duration.seconds(12 * 3600)
    /// The administrator's password; nil: see ``generatesAdminPassword``.
    public var adminPassword: String?
    /// Whether a password is made where none is set. It is shown once, at the first start.
    public var generatesAdminPassword = true
    /// Origins under which browsers see the pages beside the server's own address, such as `https://example.org` with a
    /// proxy that adds TLS. Forms that come from them are the pages' own.
    public var origins: [String] = []

    /// With the defaults.
    public init() {}
}
