import ArgumentParser
import Broker
import Gateway
import Logging

/// The limits of `serve`, each an option with a default. Texts, so that a wrong one is explained as one in the
/// environment or the file is.
struct ServeLimits: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Open connections, streams among them (default: 50000). NOTIFY_MAX_CONNECTIONS."
    )
    var maxConnections: Int?

    @Option(help: "The header fields of a request, in bytes (default: 16KiB). NOTIFY_MAX_HEADER_SIZE.")
    var maxHeaderSize: String?

    @Option(help: "The data of a message, in bytes (default: 1MiB). NOTIFY_MAX_MESSAGE_SIZE.")
    var maxMessageSize: String?

    @Option(
        help:
            "The body of a request as a form or JSON (default: six times the message and 64KiB). NOTIFY_MAX_BODY_SIZE."
    )
    var maxBodySize: String?

    @Option(
        help: "The body of a request with many messages, in bytes (default: 16MiB). NOTIFY_MAX_BATCH_SIZE."
    )
    var maxBatchSize: String?

    @Option(
        parsing: .unconditional,
        help: """
            Messages in such a request (default: 10000); 'send --lines' sends up to \(LineBatch.maximumLines). \
            NOTIFY_MAX_BATCH_MESSAGES.
            """
    )
    var maxBatchMessages: Int?

    @Option(
        help: """
            The bodies of all requests together, in bytes, until they are answered (default: 256MiB). \
            NOTIFY_MAX_BODIES_SIZE.
            """
    )
    var maxBodiesSize: String?

    @Option(
        help: """
            History that waits for slow clients, in bytes, over all connections (default: 64MiB). \
            NOTIFY_MAX_ANSWERS_SIZE.
            """
    )
    var maxAnswersSize: String?

    @Option(
        parsing: .unconditional,
        help: "Groups that one stream may follow (default: 100). NOTIFY_MAX_GROUPS_PER_STREAM."
    )
    var maxGroupsPerStream: Int?

    @Option(
        parsing: .unconditional,
        help: "Messages that a stream with 'last' begins with, at most (default: 10000). NOTIFY_MAX_LAST."
    )
    var maxLast: Int?

    @Option(help: "Publishes that wait for the database, in bytes (default: 64MiB). NOTIFY_MAX_WAITING_SIZE.")
    var maxWaitingSize: String?

    @Option(help: "Recent messages kept in memory, in bytes (default: 64MiB). NOTIFY_RECENT_MESSAGES_SIZE.")
    var recentMessagesSize: String?

    @Option(help: "Messages that wait for an event loop, in bytes (default: 16MiB). NOTIFY_INBOX_SIZE.")
    var inboxSize: String?

    @Option(
        help:
            "Bytes that may wait for one stream's socket until it counts as slow (default: 192KiB). NOTIFY_CONNECTION_BUFFER_SIZE."
    )
    var connectionBufferSize: String?

    @Option(help: "Bytes that may wait for all streams' sockets (default: 512MiB). NOTIFY_MAX_PINNED_SIZE.")
    var maxPinnedSize: String?

    @Option(parsing: .unconditional, help: "Time to send a request's head (default: 10s). NOTIFY_HEAD_TIMEOUT.")
    var headTimeout: String?

    @Option(parsing: .unconditional, help: "Pause allowed within a request's body (default: 30s). NOTIFY_BODY_TIMEOUT.")
    var bodyTimeout: String?

    @Option(
        help: """
            Bytes a second that a request's body must come with over its whole time; --body-timeout is allowed on top \
            (default: 1KiB). NOTIFY_MIN_BODY_RATE.
            """
    )
    var minBodyRate: String?

    @Option(
        parsing: .unconditional,
        help: "Pause allowed between two requests of a connection (default: 75s). NOTIFY_IDLE_TIMEOUT."
    )
    var idleTimeout: String?

    @Option(
        parsing: .unconditional,
        help: "A client that has read nothing for so long is closed (default: 10m). NOTIFY_STALL_TIMEOUT."
    )
    var stallTimeout: String?

    @Option(
        parsing: .unconditional,
        help: "A stream that was silent for so long sends a comment (default: 15s). NOTIFY_HEARTBEAT."
    )
    var heartbeat: String?

    @Option(
        parsing: .unconditional,
        help: "Clients come back after about so long, drawn at random around it (default: 3s). NOTIFY_RETRY."
    )
    var retry: String?

    @Option(
        parsing: .unconditional,
        help: "How long streams may take to end when the server stops (default: 5s). NOTIFY_GRACE."
    )
    var grace: String?

    @Option(parsing: .unconditional, help: "Event loops (default: one for each core). NOTIFY_EVENT_LOOPS.")
    var eventLoops: Int?

    @Option(help: "trace, debug, info, notice, warning, error or critical (default: notice). NOTIFY_LOG_LEVEL.")
    var logLevel: String?

    func gatewayConfiguration(_ settings: Settings) throws -> GatewayConfiguration {
        var configuration = GatewayConfiguration()
        func set<Value>(_ path: WritableKeyPath<GatewayConfiguration, Value>, _ value: Value?) {
            if let value { configuration[keyPath: path] = value }
        }
        set(\.maximumConnections, try settings.int(.maxConnections, option: maxConnections, in: 1...10_000_000))
        set(\.maximumHeaderBytes, try settings.bytes(.maxHeaderSize, option: maxHeaderSize))
        set(\.maximumBodyBytes, try settings.bytes(.maxBodySize, option: maxBodySize))
        set(\.maximumBatchBytes, try settings.bytes(.maxBatchSize, option: maxBatchSize, in: 1...Int.max))
        set(\.maximumBatchMessages, try settings.int(.maxBatchMessages, option: maxBatchMessages, in: 1...1_000_000))
        set(\.maximumBodiesBytes, try settings.bytes(.maxBodiesSize, option: maxBodiesSize))
        set(\.minimumBodyRate, try settings.bytes(.minBodyRate, option: minBodyRate))
        set(\.maximumAnswerBytes, try settings.bytes(.maxAnswersSize, option: maxAnswersSize, in: 1...Int.max))
        set(\.maximumGroupsPerStream, try settings.int(.maxGroupsPerStream, option: maxGroupsPerStream, in: 1...400))
        set(\.maximumLast, try settings.int(.maxLast, option: maxLast, in: 1...1_000_000_000))
        set(\.recentMessageBytes, try settings.bytes(.recentMessagesSize, option: recentMessagesSize))
        set(\.inboxBytes, try settings.bytes(.inboxSize, option: inboxSize))
        set(\.connectionBufferBytes, try settings.bytes(.connectionBufferSize, option: connectionBufferSize))
        set(\.pinnedBytes, try settings.bytes(.maxPinnedSize, option: maxPinnedSize))
        set(\.headTimeout, try settings.duration(.headTimeout, option: headTimeout))
        set(\.bodyTimeout, try settings.duration(.bodyTimeout, option: bodyTimeout))
        set(\.idleTimeout, try settings.duration(.idleTimeout, option: idleTimeout))
        set(\.stallTimeout, try settings.duration(.stallTimeout, option: stallTimeout))
        set(\.heartbeat, try settings.duration(.heartbeat, option: heartbeat))
        set(\.retry, try settings.duration(.retry, option: retry))
        set(\.grace, try settings.duration(.grace, option: grace))
        set(\.eventLoops, try settings.int(.eventLoops, option: eventLoops, in: 1...1024))
        return configuration
    }

    func logConfiguration(_ settings: Settings) throws -> MessageLog.Configuration {
        var configuration = MessageLog.Configuration()
        // SQLite takes no value beyond 1 000 000 000 bytes (https://www.sqlite.org/limits.html).
        if let size = try settings.bytes(.maxMessageSize, option: maxMessageSize, in: 1...500_000_000) {
            configuration.maximumMessageSize = size
        }
        if let size = try settings.bytes(.maxWaitingSize, option: maxWaitingSize) {
            configuration.maximumWaitingBytes = size
        }
        return configuration
    }
}

extension Settings {
    func logLevel(option: String?) throws -> Logger.Level {
        let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return try value(.logLevel, option: option, "use one of \(names)") { Logger.Level(rawValue: $0) } ?? .notice
    }
}
