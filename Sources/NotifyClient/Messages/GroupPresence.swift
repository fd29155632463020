/// Who follows a group by its name: a piece of the list of users, ordered by name.
public struct GroupPresence: Hashable, Sendable, Codable {
    /// A user who is there.
    public struct User: Hashable, Sendable, Codable {
        /// The `sub` of its token.
        public let user: String
        /// What its newest token has as `info`; ``JSONValue/null`` where it has none.
        public let info: JSONValue
        /// Its connections that follow the group; 0 between the end of the last one and the time when the user leaves.
        public let connections: Int
        /// When it came (RFC 3339).
        public let since: String
    }

    /// The group.
    public let group: String
    /// Users, and connections of nobody who is known; those of other pages among them.
    public let count: Int
    /// By name.
    public let users: [User]
    /// Whether users follow: give the last name as `after` to get them.
    public let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case group, count, users
        case hasMore = "has_more"
    }
}
