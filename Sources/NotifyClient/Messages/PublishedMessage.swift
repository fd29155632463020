/// The server's answer to a publish.
public struct PublishedMessage: Hashable, Sendable, Codable {
    /// The id of the stored message. Nil where `persist` was false: nothing was stored, so there is none.
    public let id: String?
    /// The group that it was published to.
    public let group: String
    /// The event name.
    public let event: String
    /// The size of the data in bytes of UTF-8. Nil where nothing was stored.
    public let dataBytes: Int?
    /// When the server took it: RFC 3339 in UTC with milliseconds. Nil where nothing was stored.
    public let createdAt: String?

    enum CodingKeys: String, CodingKey {
        case id, group, event
        case dataBytes = "data_bytes"
        case createdAt = "created_at"
    }
}
