import Foundation

/// What happens to a subscription besides messages.
public enum SubscriptionStatus: Sendable {
    /// The stream is open. `resumed`: it goes on where an earlier connection of this subscription ended.
    case connected(resumed: Bool)
    /// The connection is gone, or could not be made; it is tried again after a while. Nothing is lost by that.
    case disconnected(NotifyClientError, retryingIn: Duration)
    /// The server cannot go on exactly where the subscription was: messages may be missing.
    case reset(StreamReset)
}

/// Why a stream could not be resumed (`stream-reset`).
public struct StreamReset: Hashable, Sendable, Codable {
    /// `expired` (retention removed messages), `unknown-epoch` (another database), `future` (a position that does not
    /// exist yet), `malformed` (no id), or a reason that a later server has.
    public let reason: String
    /// The position that was asked for.
    public let requested: String?
    /// The oldest message that is still stored, nil where there is none. After `expired` the stream goes on from it.
    public let oldest: String?

    public init(reason: String, requested: String?, oldest: String?) {
        self.reason = reason
        self.requested = requested
        self.oldest = oldest
    }

    init(data: String) {
        self =
            (try? JSONDecoder().decode(Self.self, from: Data(data.utf8)))
            ?? StreamReset(reason: "unknown", requested: nil, oldest: nil)
    }
}
