/// The members of a group at one moment.
public struct GroupMembers: Sendable {
    /// The member channels, by name.
    public let channels: [ChannelName]
    /// The member sinks, in no particular order.
    public let sinks: [any ChannelSink]

    public init(channels: [ChannelName] = [], sinks: [any ChannelSink] = []) {
        self.channels = channels
        self.sinks = sinks
    }
}
