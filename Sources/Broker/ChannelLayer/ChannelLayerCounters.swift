/// What a channel layer did since it was made. Nothing resets the counters, `flush` and `close` neither.
public struct ChannelLayerCounters: Sendable, Hashable {
    /// Messages that were accepted: one for each `send`, and one for each message of a `groupSend`, however many members
    /// the group has.
    public internal(set) var sent: UInt64
    /// Messages that a `receive` returned or a sink took: one for each reader.
    public internal(set) var delivered: UInt64
    /// Messages of a `groupSend` that a member did not get because it was full: one for each such member.
    public internal(set) var dropped: UInt64
    /// Messages that were dropped since nobody read them in time. They are counted when they are found, which may be later
    /// than they expire.
    public internal(set) var expired: UInt64

    public init(sent: UInt64 = 0, delivered: UInt64 = 0, dropped: UInt64 = 0, expired: UInt64 = 0) {
        self.sent = sent
        self.delivered = delivered
        self.dropped = dropped
        self.expired = expired
    }
}
