public import Broker

/// A stream that is open, as operators see it.
public struct OpenStream: Sendable {
    /// In which clothes a stream comes.
    public enum Transport: String, Sendable {
        /// Server-sent events.
        case eventStream = "event-stream"
        /// NDJSON.
        case lines = "ndjson"
        case longPoll = "long-poll"
        /// A subscription of a WebSocket, or a WebSocket without one. Each subscription is shown; to end one ends the socket.
        case webSocket = "websocket"
    }

    /// Names it until it ends, on this start of the server.
    public let id: String
    /// The `sub` of its token, or whom an application names; nil: nobody who is known.
    public let user: String?
    /// The client's IP address; nil for one that came by a Unix socket.
    public let address: String?
    public let transport: Transport
    /// The groups it follows by name.
    public let groups: [GroupName]
    /// The patterns it follows.
    public let patterns: [String]
    /// Whether it gets each message as it comes. Otherwise it opens, or reads on from its position.
    public let isLive: Bool
    /// As far as everything was written to it; nil while it opens, and for a WebSocket that follows nothing.
    public let position: MessageID?
    /// Bytes that wait for its client.
    public let waitingBytes: Int
    /// When it began.
    public let since: Timestamp
}
