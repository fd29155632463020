/// The bounds of requests and streams.
struct GatewayLimits: Sendable {
    let connections: Int
    let headerBytes: Int
    let loop: RequestLoop.Limits
    let http2: HTTP2Limits
    let messageBytes: Int
    let bodyBytes: Int
    let batchBytes: Int
    let batchMessages: Int
    let groupsPerStream: Int
    let patternsPerStream: Int
    /// Messages that `last` replays, at most.
    let last: Int
    let subscriptionsPerSocket: Int
    /// Patterns of one WebSocket, over all its subscriptions.
    let patternsPerSocket: Int
    /// Publishes of one WebSocket that wait for their answers.
    let unansweredPublishes: Int
    /// Applications' streams by their paths.
    let streams: [String: StreamRoute]
    /// Their WebSockets.
    let sockets: [String: SocketRoute]
}
