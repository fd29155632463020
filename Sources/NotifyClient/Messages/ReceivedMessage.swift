import Foundation

/// A message as the server gives it, from a stream or from history.
public struct ReceivedMessage: Hashable, Sendable {
    /// The id, such as `k7f2q9-1042`: opaque, and the place to resume from. Nil for a message that was not stored.
    public let id: String?
    /// The group that it was published to.
    public let group: String
    /// The event name; `message` when the publisher gave none.
    public let event: String
    /// The data, as it was published.
    public let data: String
    /// When the server took it: RFC 3339 in UTC with milliseconds, as the server wrote it.
    public let createdAt: String

    public init(id: String?, group: String, event: String, data: String, createdAt: String) {
        self.id = id
        self.group = group
        self.event = event
        self.data = data
        self.createdAt = createdAt
    }
}

extension ReceivedMessage: Codable {
    /// The keys as they are over HTTP.
    enum CodingKeys: String, CodingKey {
        case id, group, event, data
        case createdAt = "created_at"
    }

    /// The message in an envelope (`?envelope=json`). Nil if the data is none.
    init?(envelope data: String) {
        guard let message = try? JSONDecoder().decode(Self.self, from: Data(data.utf8)) else { return nil }
        self = message
    }
}
