/// A stream that is open on the server, or a WebSocket that follows nothing.
public struct OpenConnection: Hashable, Sendable, Codable {
    /// Names it until it ends, on this start of the server.
    public let id: String
    /// The user of its token, or whom an application names; nil: nobody who is known.
    public let user: String?
    /// The client's IP address; nil for one that came by a Unix socket.
    public let address: String?
    /// Such as `event-stream`.
    public let transport: String
    /// The groups it follows by name.
    public let groups: [String]
    /// The patterns it follows.
    public let match: [String]
    /// `live`, or `catching-up`.
    public let state: String
    /// As far as everything was written to it; nil while it opens, and for a WebSocket that follows nothing.
    public let position: String?
    /// Bytes that wait for its client.
    public let waitingBytes: Int
    /// When it began (RFC 3339).
    public let since: String

    enum CodingKeys: String, CodingKey {
        case id, user, address, transport, groups, match, state, position, since
        case waitingBytes = "waiting_bytes"
    }

    /// Writes all keys, `null` where there is no value: the same for every connection, as over HTTP.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(user, forKey: .user)
        try container.encode(address, forKey: .address)
        try container.encode(transport, forKey: .transport)
        try container.encode(groups, forKey: .groups)
        try container.encode(match, forKey: .match)
        try container.encode(state, forKey: .state)
        try container.encode(position, forKey: .position)
        try container.encode(waitingBytes, forKey: .waitingBytes)
        try container.encode(since, forKey: .since)
    }
}

/// A piece of the list of connections, those first that began first.
public struct ConnectionsPage: Hashable, Sendable, Codable {
    /// In the order in which they began.
    public let connections: [OpenConnection]
    /// Whether others follow: give the last id as `after` to get them.
    public let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case connections
        case hasMore = "has_more"
    }
}
