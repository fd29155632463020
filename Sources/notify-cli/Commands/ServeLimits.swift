import ArgumentParser
import Broker
import Gateway
import Logging

/// The limits of `serve`. Each is declared where it is used, with its default, its bounds and its text
/// (``GatewayConfiguration/Settings``, ``MessageLog/Configuration/Settings``).
struct ServeLimits: ParsableArguments {
    private typealias Limits = GatewayConfiguration.Settings
    private typealias LogLimits = MessageLog.Configuration.Settings

    @Option(parsing: .unconditional, help: .setting(Limits.maxConnections))
    var maxConnections: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxHTTP2Streams))
    var maxHttp2Streams: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxStreamsPerConnection))
    var maxStreamsPerConnection: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxConnectionsPerAddress))
    var maxConnectionsPerAddress: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxStreamsPerUser))
    var maxStreamsPerUser: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxRememberedTokens))
    var maxRememberedTokens: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxHeaderSize))
    var maxHeaderSize: String?

    @Option(parsing: .unconditional, help: .setting(LogLimits.maxMessageSize))
    var maxMessageSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxBodySize))
    var maxBodySize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxBatchSize))
    var maxBatchSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxBatchMessages))
    var maxBatchMessages: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxBodiesSize))
    var maxBodiesSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxAnswersSize))
    var maxAnswersSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxGroupsPerStream))
    var maxGroupsPerStream: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxPatterns))
    var maxPatterns: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxPatternsPerStream))
    var maxPatternsPerStream: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxLast))
    var maxLast: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxSubscriptionsPerSocket))
    var maxSubscriptionsPerSocket: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxPatternsPerSocket))
    var maxPatternsPerSocket: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxUnansweredPublishes))
    var maxUnansweredPublishes: String?

    @Option(parsing: .unconditional, help: .setting(LogLimits.maxWaitingSize))
    var maxWaitingSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.recentMessagesSize))
    var recentMessagesSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.inboxSize))
    var inboxSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.connectionBufferSize))
    var connectionBufferSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.maxPinnedSize))
    var maxPinnedSize: String?

    @Option(parsing: .unconditional, help: .setting(Limits.headTimeout))
    var headTimeout: String?

    @Option(parsing: .unconditional, help: .setting(Limits.bodyTimeout))
    var bodyTimeout: String?

    @Option(parsing: .unconditional, help: .setting(Limits.minBodyRate))
    var minBodyRate: String?

    @Option(parsing: .unconditional, help: .setting(Limits.idleTimeout))
    var idleTimeout: String?

    @Option(parsing: .unconditional, help: .setting(Limits.stallTimeout))
    var stallTimeout: String?

    @Option(parsing: .unconditional, help: .setting(Limits.heartbeat))
    var heartbeat: String?

    @Option(parsing: .unconditional, help: .setting(Limits.retry))
    var retry: String?

    @Option(parsing: .unconditional, help: .setting(Limits.presenceDelay))
    var presenceDelay: String?

    @Option(parsing: .unconditional, help: .setting(Limits.grace))
    var grace: String?

    @Option(parsing: .unconditional, help: .setting(Limits.eventLoops))
    var eventLoops: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical (default: notice). NOTIFY_LOG_LEVEL.")
    var logLevel: String?

    @Option(help: "'text' for people, 'json' for programs, one object a line (default: text). NOTIFY_LOG_FORMAT.")
    var logFormat: String?

    func gatewayConfiguration(_ settings: Settings) throws -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        let given: [(Setting<GatewayConfiguration>, String?)] = [
            (Limits.maxConnections, maxConnections),
            (Limits.maxHTTP2Streams, maxHttp2Streams),
            (Limits.maxStreamsPerConnection, maxStreamsPerConnection),
            (Limits.maxConnectionsPerAddress, maxConnectionsPerAddress),
            (Limits.maxStreamsPerUser, maxStreamsPerUser),
            (Limits.maxRememberedTokens, maxRememberedTokens),
            (Limits.maxHeaderSize, maxHeaderSize),
            (Limits.maxBodySize, maxBodySize),
            (Limits.maxBatchSize, maxBatchSize),
            (Limits.maxBatchMessages, maxBatchMessages),
            (Limits.maxBodiesSize, maxBodiesSize),
            (Limits.maxAnswersSize, maxAnswersSize),
            (Limits.maxGroupsPerStream, maxGroupsPerStream),
            (Limits.maxPatterns, maxPatterns),
            (Limits.maxPatternsPerStream, maxPatternsPerStream),
            (Limits.maxLast, maxLast),
            (Limits.maxSubscriptionsPerSocket, maxSubscriptionsPerSocket),
            (Limits.maxPatternsPerSocket, maxPatternsPerSocket),
            (Limits.maxUnansweredPublishes, maxUnansweredPublishes),
            (Limits.recentMessagesSize, recentMessagesSize),
            (Limits.inboxSize, inboxSize),
            (Limits.connectionBufferSize, connectionBufferSize),
            (Limits.maxPinnedSize, maxPinnedSize),
            (Limits.headTimeout, headTimeout),
            (Limits.bodyTimeout, bodyTimeout),
            (Limits.minBodyRate, minBodyRate),
            (Limits.idleTimeout, idleTimeout),
            (Limits.stallTimeout, stallTimeout),
            (Limits.heartbeat, heartbeat),
            (Limits.retry, retry),
            (Limits.presenceDelay, presenceDelay),
            (Limits.grace, grace),
            (Limits.eventLoops, eventLoops),
        ]
        for (setting, option) in given { try settings.apply(setting, option: option, to: &configuration) }
        return configuration
    }

    func logConfiguration(_ settings: Settings) throws -> MessageLog.Configuration {
        var configuration = MessageLog.Configuration()
        try settings.apply(LogLimits.maxMessageSize, option: maxMessageSize, to: &configuration)
        try settings.apply(LogLimits.maxWaitingSize, option: maxWaitingSize, to: &configuration)
        return configuration
    }
}

extension Settings {
    func logFormat(option: String?) throws -> LogFormat {
        declare(.logFormat, default: LogFormat.text.rawValue)
        let names = LogFormat.allCases.map(\.rawValue).joined(separator: " or ")
        return try value(.logFormat, option: option, "use \(names)") { LogFormat(rawValue: $0) } ?? .text
    }

    func logLevel(option: String?) throws -> Logger.Level {
        declare(.logLevel, default: Logger.Level.notice.rawValue)
        let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return try value(.logLevel, option: option, "use one of \(names)") { Logger.Level(rawValue: $0) } ?? .notice
    }
}
