/// Who may do what: keys of tokens, and what anybody may do. Without keys there is no access control.
public struct AccessConfiguration: Sendable {
    /// Files with keys that vouch for tokens: PEM public keys, JWKs, sets of them, or secrets of at least 32 bytes.
    public var keyFiles: [String] = []
    /// An address that gives a set of JWKs: `https`, or `http` on this machine.
    public var keySetURL: String?
    /// A file with API keys: see ``APIKeyFile``.
    public var apiKeyFile: String?
    /// Who must have issued a token (`iss`); nil: anybody.
    public var issuer: String?
    /// Whom a token must be for (`aud`); nil: anybody.
    public var audience: String?
    /// How far clocks may be apart: a token ends so long after its `exp`.
    public var leeway = Duration.seconds(30)
    /// How far ahead a token's `exp` may be; nil: as far as it likes, and it may have none.
    public var maximumLifetime: Duration?
    /// The cookie that may hold a token.
    public var cookie = "notify_token"
    /// Whether a token may come as `?access_token=`, which ends up in logs of proxies and in histories of browsers.
    public var allowsQueryToken = false
    /// Patterns of the groups that anybody may follow.
    public var anonymousSubscribe: [String] = []
    /// Patterns of the groups that anybody may publish to.
    public var anonymousPublish: [String] = []
    /// Tokens that are remembered once they were checked, on each event loop; at least 2. Longer ones than 4 KiB are not.
    public var rememberedTokens = 10_000

    /// Without keys.
    public init() {}

    /// Whether there are keys: then every request needs a right.
    public var hasKeys: Bool { !keyFiles.isEmpty || keySetURL != nil || apiKeyFile != nil }
}
