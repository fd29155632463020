/// A piece of a group's history, oldest message first.
public struct HistoryPage: Hashable, Sendable, Codable {
    /// The messages, in ascending order of ids.
    public let messages: [ReceivedMessage]
    /// Whether there is more in the direction of paging: newer messages after `after` and `since`, else older ones.
    public let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case messages
        case hasMore = "has_more"
    }
}

/// A piece of the list of groups, ordered by name.
public struct GroupsPage: Hashable, Sendable, Codable {
    /// The groups, by name.
    public let groups: [GroupSummary]
    /// Whether groups follow: give the last name as `after` to get them.
    public let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case groups
        case hasMore = "has_more"
    }
}
