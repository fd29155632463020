/// Every option of every subcommand, by its long name without the dashes.
///
/// From this one name follow the environment variable and the key in the configuration file; and a key of that file that
/// is none of these is an error. Subcommands share names on purpose: `url` is the same server for all of them.
enum SettingKey: String, CaseIterable {
    // Server
    case host, port, database, insecure
    case durability, retain
    case maxWALSize = "max-wal-size"
    case allowHost = "allow-host"
    case allowOrigin = "allow-origin"
    case maxConnections = "max-connections"
    case maxHeaderSize = "max-header-size"
    case maxMessageSize = "max-message-size"
    case maxBodySize = "max-body-size"
    case maxBatchSize = "max-batch-size"
    case maxBatchMessages = "max-batch-messages"
    case maxBodiesSize = "max-bodies-size"
    case maxAnswersSize = "max-answers-size"
    case maxGroupsPerStream = "max-groups-per-stream"
    case maxLast = "max-last"
    case maxWaitingSize = "max-waiting-size"
    case recentMessagesSize = "recent-messages-size"
    case inboxSize = "inbox-size"
    case connectionBufferSize = "connection-buffer-size"
    case maxPinnedSize = "max-pinned-size"
    case headTimeout = "head-timeout"
    case bodyTimeout = "body-timeout"
    case minBodyRate = "min-body-rate"
    case idleTimeout = "idle-timeout"
    case stallTimeout = "stall-timeout"
    case heartbeat, retry, grace
    case eventLoops = "event-loops"
    case logLevel = "log-level"
    case noChat = "no-chat"
    case adminPassword = "admin-password"
    case sessionLifetime = "session-lifetime"
    // Database
    case output, full
    // Clients
    case url
    case group, event, data, lines, persist, ttl
    case idempotencyKey = "idempotency-key"
    case since, last, count
    case limit, prefix
    case json

    /// `--max-message-size`
    var option: String { "--\(rawValue)" }

    /// `NOTIFY_MAX_MESSAGE_SIZE`
    var variable: String { "NOTIFY_" + rawValue.uppercased().replacing("-", with: "_") }
}
