/// What an operator can set. Each has a default that is right on a developer's machine.
public struct GatewayConfiguration: Sendable {
    /// The address to listen on: a name or an IP address.
    public var host = "127.0.0.1"
    /// The port; 0 takes a free one.
    public var port = 8080
    /// Who may do what. Without keys, anybody who reaches the port can read and write everything.
    public var access = AccessConfiguration()
    /// Whether `host` and `port` are listened on; without it there must be a ``unixSocket``.
    public var listensOnPort = true
    /// A socket in the file system to listen on as well, for programs of this machine: plain HTTP, mode 0660. The file of a
    /// server that is gone is replaced.
    public var unixSocket: String?
    /// A port on 127.0.0.1 with `/metrics`, `/healthz` and `/readyz` alone, for those who run the server; 0 takes a free one.
    public var operationsPort: Int?
    /// The certificate of `host` and `port`; nil: they speak plain HTTP. Files that change are read again within seconds.
    public var tls: TLSFiles?
    /// Whether clients may speak HTTP/2 without TLS, with prior knowledge. With TLS they agree on it in any case.
    public var allowsCleartextHTTP2 = false
    /// Allows a `host` that is not loopback although there are no keys.
    public var allowsPublicHost = false
    /// Further hosts that the server answers to, beside loopback and `host`: names or addresses without a port, such as
    /// `notify.example.org`. A server that listens on all addresses answers to every host, unless this names some.
    public var allowedHosts: [String] = []
    /// Origins whose pages may use the server, such as `https://example.org`; `*` for all, without credentials.
    public var allowedOrigins: [String] = []

    /// Open connections, streams among them. Over it, streams are asked to come back and requests get a 503.
    public var maximumConnections = 50_000
    /// Open streams of HTTP/2 over all connections, requests among them. Over it, event streams are asked to come back and
    /// requests get a 503.
    public var maximumHTTP2Streams = 50_000
    /// Open streams of one connection of HTTP/2.
    public var maximumStreamsPerConnection = 1000
    /// Open connections from one address, or one network of IPv6 (/64); nil: any number. Those of trusted proxies are not
    /// counted. Over it: 429, and streams are asked to come back.
    public var maximumConnectionsPerAddress: Int?
    /// Open streams of one user, by the `sub` of its tokens; nil: any number. Over it streams are asked to come back.
    public var maximumStreamsPerUser: Int?
    /// How often a token, or an address without one, may publish; nil: as often as it likes. Over it: 429.
    public var publishRate: Rate?
    /// How often an address, or a network of IPv6 (/64), may send a token that does not count. Over it, tokens from there that the
    /// server does not know yet get 429 and are not looked at: a signature check costs up to some hundred microseconds.
    public var badTokenRate = Rate(perSecond: 10, burst: 100)
    /// Proxies whose word for their clients' addresses and scheme is taken: addresses, ranges such as `10.0.0.0/8`, or
    /// `unix` for whoever comes by the Unix socket.
    public var trustedProxies: [String] = []
    /// All names and values of a request's header fields together, in bytes. Over it: 431.
    public var maximumHeaderBytes = 16 << 10
    /// How long a client may take to send a request's head.
    public var headTimeout = Duration.seconds(10)
    /// How long a client may pause within a request's body.
    public var bodyTimeout = Duration.seconds(30)
    /// How many bytes a second a request's body must come with, over its whole time; `bodyTimeout` is allowed on top.
    public var minimumBodyRate = 1 << 10
    /// How long a connection may wait between two requests.
    public var idleTimeout = Duration.seconds(75)
    /// The body of a publish as a form or JSON, in bytes; one that is the data itself is bound by the message size.
    /// Nil: six times the message size (JSON's longest escape) and 64 KiB.
    public var maximumBodyBytes: Int?
    /// The body of `POST /messages`, in bytes.
    public var maximumBatchBytes = 16 << 20
    /// Messages that one `POST /messages` may hold: they are stored in one transaction, which others wait for.
    public var maximumBatchMessages = 10_000
    /// The bodies of all requests together, in bytes, until they are published or answered. Over it: 503. Bodies of more
    /// than 64 KiB may take three quarters of it.
    public var maximumBodiesBytes = 256 << 20
    /// Large answers (history) that wait for their sockets, in bytes, over all connections. Over it history gets a 503,
    /// and nothing else does.
    public var maximumAnswerBytes = 64 << 20
    /// Groups that one stream may follow, at most 400.
    public var maximumGroupsPerStream = 100
    /// Patterns that all streams together may follow, each counted once. A message of a group that is new is compared with each
    /// of them: some 0.1 µs for one that begins with a special character.
    public var maximumPatterns = 10_000
    /// Patterns that one stream may follow.
    public var maximumPatternsPerStream = 10

    /// Messages that a stream with `last` begins with, at most: counting them costs a look at each. One that asks for more
    /// gets so many.
    public var maximumLast = 10_000
    /// Subscriptions of one WebSocket.
    public var maximumSubscriptionsPerSocket = 100
    /// Patterns of one WebSocket, over all its subscriptions: each subscription that is added is compared with all of them.
    public var maximumPatternsPerSocket = 100
    /// Publishes of one WebSocket that may wait for their answers. Beyond, nothing more is read from it until some are
    /// answered.
    public var maximumUnansweredPublishes = 1000

    /// A stream that said nothing for so long says a comment.
    public var heartbeat = Duration.seconds(15)
    /// A client that lost its stream comes back after about so long: `retry:` is drawn at random from two to four thirds
    /// of it for each connection, so that clients do not all come back at once.
    public var retry = Duration.seconds(3)
    /// A client that acknowledges, but has read nothing for so long, is closed.
    public var stallTimeout = Duration.seconds(600)
    /// How long after the end of its last connection a user leaves a group, so that a page which is loaded again is neither a
    /// leave nor a join.
    public var presenceDelay = Duration.seconds(5)
    /// How long streams and requests may take to end when the server stops.
    public var grace = Duration.seconds(5)

    /// Recent messages in memory, in bytes, over all event loops.
    public var recentMessageBytes = 64 << 20
    /// Messages that wait for an event loop, in bytes, for each. Over it they are read from the store.
    public var inboxBytes = 16 << 20
    /// What may wait for the socket of one stream, in bytes, before the stream counts as slow and goes on at its own pace;
    /// a batch (128 KiB) or one message may come on top.
    public var connectionBufferBytes = 192 << 10
    /// What may wait for the sockets of all streams, in bytes. Over it, those that hold most are closed, and resume.
    public var pinnedBytes = 512 << 20
    /// Event loops; nil: one for each core.
    public var eventLoops: Int?

    /// With the defaults.
    public init() {}
}
