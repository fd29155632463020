public import Broker

extension GatewayConfiguration {
    /// What an operator can set of the gateway, except for where it listens and to whom it answers.
    public enum Settings {
        private static let defaults = GatewayConfiguration()

        /// Of ``GatewayConfiguration/maximumConnections``.
        public static let maxConnections = Setting(
            "max-connections",
            .count,
            \.maximumConnections,
            in: 1...10_000_000,
            of: defaults,
            "Open connections, streams among them"
        )
        /// Of ``GatewayConfiguration/maximumHTTP2Streams``.
        public static let maxHTTP2Streams = Setting(
            "max-http2-streams",
            .count,
            \.maximumHTTP2Streams,
            in: 1...10_000_000,
            of: defaults,
            "Open streams of HTTP/2 over all connections, requests among them"
        )
        /// Of ``GatewayConfiguration/maximumStreamsPerConnection``.
        public static let maxStreamsPerConnection = Setting(
            "max-streams-per-connection",
            .count,
            \.maximumStreamsPerConnection,
            in: 1...100_000,
            of: defaults,
            "Open streams of one connection of HTTP/2"
        )
        /// Of ``GatewayConfiguration/maximumConnectionsPerAddress``.
        public static let maxConnectionsPerAddress = Setting(
            "max-connections-per-address",
            .count,
            \.maximumConnectionsPerAddress,
            in: 1...10_000_000,
            of: defaults,
            "Open connections from one address, but for those of trusted proxies",
            absent: "any number"
        )
        /// Of ``GatewayConfiguration/maximumStreamsPerUser``.
        public static let maxStreamsPerUser = Setting(
            "max-streams-per-user",
            .count,
            \.maximumStreamsPerUser,
            in: 1...10_000_000,
            of: defaults,
            "Open streams of one user ('sub' of a token)",
            absent: "any number"
        )
        /// Of ``AccessConfiguration/rememberedTokens``.
        public static let maxRememberedTokens = Setting(
            "max-remembered-tokens",
            .count,
            \.access.rememberedTokens,
            in: 2...10_000_000,
            of: defaults,
            "Tokens that each event loop remembers once it has checked them"
        )
        /// Of ``GatewayConfiguration/maximumHeaderBytes``.
        public static let maxHeaderSize = Setting(
            "max-header-size",
            .bytes,
            \.maximumHeaderBytes,
            of: defaults,
            "The header fields of a request, in bytes"
        )
        /// Of ``GatewayConfiguration/maximumBodyBytes``.
        public static let maxBodySize = Setting(
            "max-body-size",
            .bytes,
            \.maximumBodyBytes,
            of: defaults,
            "The body of a request as a form or JSON, in bytes",
            absent: "six times the message and 64KiB"
        )
        /// Of ``GatewayConfiguration/maximumBatchBytes``.
        public static let maxBatchSize = Setting(
            "max-batch-size",
            .bytes,
            \.maximumBatchBytes,
            of: defaults,
            "The body of a request with many messages, in bytes"
        )
        /// Of ``GatewayConfiguration/maximumBatchMessages``.
        public static let maxBatchMessages = Setting(
            "max-batch-messages",
            .count,
            \.maximumBatchMessages,
            in: 1...1_000_000,
            of: defaults,
            "Messages in such a request"
        )
        /// Of ``GatewayConfiguration/maximumBodiesBytes``.
        public static let maxBodiesSize = Setting(
            "max-bodies-size",
            .bytes,
            \.maximumBodiesBytes,
            of: defaults,
            "The bodies of all requests together, in bytes, until they are answered"
        )
        /// Of ``GatewayConfiguration/maximumAnswerBytes``.
        public static let maxAnswersSize = Setting(
            "max-answers-size",
            .bytes,
            \.maximumAnswerBytes,
            of: defaults,
            "History that waits for slow clients, in bytes, over all connections"
        )
        // Each group is one term of a statement, of which SQLite takes 500 (https://www.sqlite.org/limits.html).
        /// Of ``GatewayConfiguration/maximumGroupsPerStream``.
        public static let maxGroupsPerStream = Setting(
            "max-groups-per-stream",
            .count,
            \.maximumGroupsPerStream,
            in: 1...400,
            of: defaults,
            "Groups that one stream may follow"
        )
        /// Of ``GatewayConfiguration/maximumPatterns``.
        public static let maxPatterns = Setting(
            "max-patterns",
            .count,
            \.maximumPatterns,
            in: 1...1_000_000,
            of: defaults,
            "Patterns that all streams together may follow, each counted once"
        )
        /// Of ``GatewayConfiguration/maximumPatternsPerStream``.
        public static let maxPatternsPerStream = Setting(
            "max-patterns-per-stream",
            .count,
            \.maximumPatternsPerStream,
            in: 1...100,
            of: defaults,
            "Patterns that one stream may follow"
        )
        /// Of ``GatewayConfiguration/maximumLast``.
        public static let maxLast = Setting(
            "max-last",
            .count,
            \.maximumLast,
            in: 1...1_000_000_000,
            of: defaults,
            "Messages that a stream with 'last' begins with, at most"
        )
        /// Of ``GatewayConfiguration/maximumSubscriptionsPerSocket``.
        public static let maxSubscriptionsPerSocket = Setting(
            "max-subscriptions-per-socket",
            .count,
            \.maximumSubscriptionsPerSocket,
            in: 1...10_000,
            of: defaults,
            "Subscriptions of one WebSocket"
        )
        /// Of ``GatewayConfiguration/maximumPatternsPerSocket``.
        public static let maxPatternsPerSocket = Setting(
            "max-patterns-per-socket",
            .count,
            \.maximumPatternsPerSocket,
            in: 1...1000,
            of: defaults,
            "Patterns of one WebSocket, over all its subscriptions"
        )
        /// Of ``GatewayConfiguration/maximumUnansweredPublishes``.
        public static let maxUnansweredPublishes = Setting(
            "max-unanswered-publishes",
            .count,
            \.maximumUnansweredPublishes,
            in: 1...100_000,
            of: defaults,
            "Publishes of one WebSocket that may wait for their answers; beyond, it is not read"
        )
        /// Of ``GatewayConfiguration/recentMessageBytes``.
        public static let recentMessagesSize = Setting(
            "recent-messages-size",
            .bytes,
            \.recentMessageBytes,
            of: defaults,
            "Recent messages kept in memory, in bytes"
        )
        /// Of ``GatewayConfiguration/inboxBytes``.
        public static let inboxSize = Setting(
            "inbox-size",
            .bytes,
            \.inboxBytes,
            of: defaults,
            "Messages that wait for an event loop, in bytes"
        )
        /// Of ``GatewayConfiguration/connectionBufferBytes``.
        public static let connectionBufferSize = Setting(
            "connection-buffer-size",
            .bytes,
            \.connectionBufferBytes,
            of: defaults,
            "Bytes that may wait for one stream's socket until it counts as slow"
        )
        /// Of ``GatewayConfiguration/pinnedBytes``.
        public static let maxPinnedSize = Setting(
            "max-pinned-size",
            .bytes,
            \.pinnedBytes,
            of: defaults,
            "Bytes that may wait for all streams' sockets"
        )
        /// Of ``GatewayConfiguration/headTimeout``.
        public static let headTimeout = Setting(
            "head-timeout",
            \.headTimeout,
            of: defaults,
            "Time to send a request's head"
        )
        /// Of ``GatewayConfiguration/bodyTimeout``.
        public static let bodyTimeout = Setting(
            "body-timeout",
            \.bodyTimeout,
            of: defaults,
            "Pause allowed within a request's body"
        )
        /// Of ``GatewayConfiguration/minimumBodyRate``.
        public static let minBodyRate = Setting(
            "min-body-rate",
            .bytesPerSecond,
            \.minimumBodyRate,
            of: defaults,
            "Bytes a second that a request's body must come with over its whole time; --body-timeout is allowed on top"
        )
        /// Of ``GatewayConfiguration/idleTimeout``.
        public static let idleTimeout = Setting(
            "idle-timeout",
            \.idleTimeout,
            of: defaults,
            "Pause allowed between two requests of a connection"
        )
        /// Of ``GatewayConfiguration/stallTimeout``.
        public static let stallTimeout = Setting(
            "stall-timeout",
            \.stallTimeout,
            of: defaults,
            "A client that has read nothing for so long is closed"
        )
        /// Of ``GatewayConfiguration/heartbeat``.
        public static let heartbeat = Setting(
            "heartbeat",
            \.heartbeat,
            of: defaults,
            "A stream that was silent for so long sends a comment"
        )
        /// Of ``GatewayConfiguration/retry``.
        public static let retry = Setting(
            "retry",
            \.retry,
            of: defaults,
            "Clients come back after about so long, drawn at random around it"
        )
        /// Of ``GatewayConfiguration/presenceDelay``.
        public static let presenceDelay = Setting(
            "presence-delay",
            \.presenceDelay,
            from: 0,
            of: defaults,
            "How long after its last connection a user counts as present"
        )
        /// Of ``GatewayConfiguration/grace``.
        public static let grace = Setting(
            "grace",
            \.grace,
            from: 0,
            of: defaults,
            "How long streams may take to end when the server stops"
        )
        /// Of ``GatewayConfiguration/eventLoops``.
        public static let eventLoops = Setting(
            "event-loops",
            .count,
            \.eventLoops,
            in: 1...1024,
            of: defaults,
            "Event loops",
            absent: "one for each core"
        )

        /// All of them.
        public static let all = [
            maxConnections, maxConnectionsPerAddress, maxStreamsPerUser, maxRememberedTokens, maxHTTP2Streams,
            maxStreamsPerConnection,
            maxHeaderSize, maxBodySize, maxBatchSize,
            maxBatchMessages, maxBodiesSize, maxAnswersSize,
            maxGroupsPerStream, maxPatterns, maxPatternsPerStream, maxLast, maxSubscriptionsPerSocket,
            maxPatternsPerSocket, maxUnansweredPublishes,
            recentMessagesSize, inboxSize, connectionBufferSize, maxPinnedSize,
            headTimeout, bodyTimeout, minBodyRate, idleTimeout, stallTimeout, heartbeat, retry, presenceDelay, grace,
            eventLoops,
        ]
    }
}
