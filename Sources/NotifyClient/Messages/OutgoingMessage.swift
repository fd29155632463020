/// A message to be published together with others.
public struct OutgoingMessage: Hashable, Sendable {
    /// The group to publish to.
    public var group: String
    /// The event name.
    public var event: String
    /// The text.
    public var data: String
    /// How long the message stays in history, in whole milliseconds; nil: until retention or somebody removes it.
    public var ttl: Duration?

    /// The rules for each part are those of a single publish.
    public init(group: String, event: String = "message", data: String, ttl: Duration? = nil) {
        (self.group, self.event, self.data, self.ttl) = (group, event, data, ttl)
    }
}

/// A time to live that the rules allow.
extension Duration {
    /// What is left of a millisecond counts as one.
    var wholeMilliseconds: Int64 {
        components.seconds * 1000 + (components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }

    /// In seconds with up to three decimals, as the server reads a `ttl`.
    var secondsText: String {
        let (seconds, milliseconds) = wholeMilliseconds.quotientAndRemainder(dividingBy: 1000)
        guard milliseconds > 0 else { return String(seconds) }
        return "\(seconds)." + String(1000 + milliseconds).dropFirst()
    }
}
