import ArgumentParser
import Gateway

/// Who may do what, as `serve` is told.
struct ServeAccess: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with a key that vouches for tokens; may be repeated. NOTIFY_JWT_KEY.",
            discussion: """
                A PEM public key, a JWK, a set of them, or a secret of at least 32 bytes. As soon as there is a key, every \
                request needs a right. Files are read again when they change.
                """,
            valueName: "file"
        ),
        completion: .file()
    )
    var jwtKey: [String] = []

    @Option(
        help: ArgumentHelp("An address that gives a set of JWKs. NOTIFY_JWKS_URL.", valueName: "url")
    )
    var jwksUrl: String?

    @Option(
        help: ArgumentHelp(
            "A file with API keys, as 'notify-cli key create' makes it. NOTIFY_API_KEYS.",
            valueName: "file"
        ),
        completion: .file()
    )
    var apiKeys: String?

    @Option(help: "Who must have issued a token ('iss'). NOTIFY_JWT_ISSUER.")
    var jwtIssuer: String?

    @Option(help: "Whom a token must be for ('aud'). NOTIFY_JWT_AUDIENCE.")
    var jwtAudience: String?

    @Option(help: "How far clocks may be apart: tokens end so long after 'exp' (default: 30s). NOTIFY_JWT_LEEWAY.")
    var jwtLeeway: String?

    @Option(help: "How far ahead the end of a token may be (default: any, or none). NOTIFY_JWT_MAX_LIFETIME.")
    var jwtMaxLifetime: String?

    @Option(help: "The cookie that may hold a token (default: notify_token). NOTIFY_TOKEN_COOKIE.")
    var tokenCookie: String?

    @Flag(help: "Take a token from '?access_token=' too, where logs and histories keep it. NOTIFY_ALLOW_QUERY_TOKEN.")
    var allowQueryToken = false

    @Option(
        help: ArgumentHelp(
            "Groups that anybody may follow without a token; may be repeated. NOTIFY_ANONYMOUS_SUBSCRIBE.",
            valueName: "pattern"
        )
    )
    var anonymousSubscribe: [String] = []

    @Option(
        help: ArgumentHelp(
            "Groups that anybody may publish to without a token; may be repeated. NOTIFY_ANONYMOUS_PUBLISH.",
            valueName: "pattern"
        )
    )
    var anonymousPublish: [String] = []

    @Option(
        help: ArgumentHelp(
            "Messages that a token, or an address without one, may publish: '10/s', or '10/s,50' with a burst. NOTIFY_PUBLISH_RATE.",
            valueName: "rate"
        )
    )
    var publishRate: String?

    @Option(
        help: ArgumentHelp(
            "Tokens that do not count, which an address may send: more, and its new tokens wait (default: 10/s,100). NOTIFY_BAD_TOKEN_RATE.",
            valueName: "rate"
        )
    )
    var badTokenRate: String?

    @Option(
        help: ArgumentHelp(
            "A proxy whose word for its clients' addresses and scheme is taken; may be repeated. NOTIFY_TRUSTED_PROXY.",
            discussion: "An address, a range such as 10.0.0.0/8, or 'unix' for those who come by --unix-socket.",
            valueName: "address"
        )
    )
    var trustedProxy: [String] = []

    func apply(to configuration: inout GatewayConfiguration, _ settings: Settings) throws {
        var access = configuration.access
        access.keyFiles = try settings.strings(.jwtKey, options: jwtKey, absent: "no key")
        access.keySetURL = try settings.string(.jwksURL, option: jwksUrl)
        access.apiKeyFile = try settings.string(.apiKeys, option: apiKeys)
        access.issuer = try settings.string(.jwtIssuer, option: jwtIssuer)
        access.audience = try settings.string(.jwtAudience, option: jwtAudience)
        access.leeway = try settings.duration(.jwtLeeway, option: jwtLeeway, default: access.leeway)
        access.maximumLifetime = try settings.duration(.jwtMaxLifetime, option: jwtMaxLifetime)
        access.cookie = try settings.string(.tokenCookie, option: tokenCookie, default: access.cookie)
        access.allowsQueryToken = try settings.bool(
            .allowQueryToken,
            option: allowQueryToken ? true : nil,
            default: access.allowsQueryToken
        )
        access.anonymousSubscribe = try settings.strings(
            .anonymousSubscribe,
            options: anonymousSubscribe,
            absent: "no group"
        )
        access.anonymousPublish = try settings.strings(.anonymousPublish, options: anonymousPublish, absent: "no group")
        configuration.access = access
        configuration.trustedProxies = try settings.strings(.trustedProxy, options: trustedProxy, absent: "no proxy")
        configuration.publishRate = try Self.rate(.publishRate, publishRate, settings)
        settings.declare(.badTokenRate, default: "10/s,100")
        if let rate = try Self.rate(.badTokenRate, badTokenRate, settings) { configuration.badTokenRate = rate }
    }

    /// In a variable or a file a comma would be one between values of a list elsewhere; here it belongs to the rate.
    private static func rate(_ key: SettingKey, _ option: String?, _ settings: Settings) throws -> Rate? {
        try settings.value(key, option: option, "use a rate such as 10/s, or 10/s,50 with a burst") {
            Rate($0)
        }
    }
}
