/// An option of a subcommand, by its long name without the dashes.
///
/// From this one name follow the environment variable and the key in the configuration file; and any other key of that
/// file than those in ``all`` is an error. Subcommands share names on purpose: `url` is the same server for all of them.
struct SettingKey: Hashable {
    let name: String

    init(_ name: String) {
        self.name = name
    }

    /// `--max-message-size`
    var option: String { "--\(name)" }

    /// Whether its value is not to be shown. A file that holds a secret is named all the same.
    var isSecret: Bool {
        !name.hasPrefix("allow-")
            && ["password", "token", "secret"].contains { name == $0 || name.hasSuffix("-\($0)") }
    }

    /// `NOTIFY_MAX_MESSAGE_SIZE`
    var variable: String { "NOTIFY_" + name.uppercased().replacing("-", with: "_") }
}

extension SettingKey {
    // Server
    static let host = SettingKey("host")
    static let port = SettingKey("port")
    static let tlsCertificate = SettingKey("tls-certificate")
    static let tlsKey = SettingKey("tls-key")
    static let h2c = SettingKey("h2c")
    static let unixSocket = SettingKey("unix-socket")
    static let operationsPort = SettingKey("operations-port")
    static let insecure = SettingKey("insecure")
    static let allowHost = SettingKey("allow-host")
    static let allowOrigin = SettingKey("allow-origin")
    static let database = SettingKey("database")
    static let durability = SettingKey("durability")
    static let retain = SettingKey("retain")
    static let logLevel = SettingKey("log-level")
    static let logFormat = SettingKey("log-format")
    static let noChat = SettingKey("no-chat")
    static let admin = SettingKey("admin")
    static let adminPassword = SettingKey("admin-password")
    static let sessionLifetime = SettingKey("session-lifetime")
    // Access
    static let jwtKey = SettingKey("jwt-key")
    static let jwksURL = SettingKey("jwks-url")
    static let apiKeys = SettingKey("api-keys")
    static let jwtIssuer = SettingKey("jwt-issuer")
    static let jwtAudience = SettingKey("jwt-audience")
    static let jwtLeeway = SettingKey("jwt-leeway")
    static let jwtMaxLifetime = SettingKey("jwt-max-lifetime")
    static let tokenCookie = SettingKey("token-cookie")
    static let allowQueryToken = SettingKey("allow-query-token")
    static let anonymousSubscribe = SettingKey("anonymous-subscribe")
    static let anonymousPublish = SettingKey("anonymous-publish")
    static let publishRate = SettingKey("publish-rate")
    static let badTokenRate = SettingKey("bad-token-rate")
    static let trustedProxy = SettingKey("trusted-proxy")
    // Database
    static let output = SettingKey("output")
    static let full = SettingKey("full")
    // Clients
    static let url = SettingKey("url")
    static let token = SettingKey("token")
    static let tokenFile = SettingKey("token-file")
    static let ca = SettingKey("ca")
    static let group = SettingKey("group")
    static let event = SettingKey("event")
    static let data = SettingKey("data")
    static let lines = SettingKey("lines")
    static let persist = SettingKey("persist")
    static let ttl = SettingKey("ttl")
    static let idempotencyKey = SettingKey("idempotency-key")
    static let since = SettingKey("since")
    static let last = SettingKey("last")
    static let count = SettingKey("count")
    static let limit = SettingKey("limit")
    static let prefix = SettingKey("prefix")
    static let match = SettingKey("match")
    static let through = SettingKey("through")
    static let yes = SettingKey("yes")
    static let json = SettingKey("json")

    /// All that a configuration file may have.
    static let all =
        [
            host, port, tlsCertificate, tlsKey, h2c, unixSocket, operationsPort, insecure, allowHost, allowOrigin,
            database, durability, retain, logLevel, logFormat, noChat, admin, adminPassword,
            sessionLifetime, jwtKey, jwksURL, apiKeys, jwtIssuer, jwtAudience, jwtLeeway, jwtMaxLifetime, tokenCookie,
            allowQueryToken, anonymousSubscribe, anonymousPublish, publishRate, badTokenRate, trustedProxy, output,
            full,
            url, token, tokenFile, ca, group, event, data, lines, persist, ttl, idempotencyKey, since, last,
            count, limit, prefix, match, through, yes, json,
        ] + declared
}
