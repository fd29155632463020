/// A group with its counts.
public struct GroupSummary: Hashable, Sendable {
    /// The group's name.
    public let group: String
    /// How many messages are stored.
    public let messages: Int
    /// How many streams follow it now.
    public let subscribers: Int
    /// The id of the oldest stored message, nil where none is stored.
    public let firstID: String?
    /// The id of the newest stored message, nil where none is stored.
    public let lastID: String?
}

extension GroupSummary: Codable {
    enum CodingKeys: String, CodingKey {
        case group, messages, subscribers
        case firstID = "first_id"
        case lastID = "last_id"
    }

    /// Writes all keys, `null` where there is no id: the same columns for every group, as over HTTP.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(group, forKey: .group)
        try container.encode(messages, forKey: .messages)
        try container.encode(subscribers, forKey: .subscribers)
        try container.encode(firstID, forKey: .firstID)
        try container.encode(lastID, forKey: .lastID)
    }
}
