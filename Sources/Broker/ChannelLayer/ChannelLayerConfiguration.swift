/// The limits of a channel layer. The defaults are those of Django Channels.
public struct ChannelLayerConfiguration: Sendable, Hashable {
    /// A capacity for the channels whose names match a pattern.
    public struct ChannelCapacity: Sendable, Hashable {
        /// Which channels it is for.
        public var pattern: ChannelPattern
        /// The number of unread messages, as ``ChannelLayerConfiguration/capacity``.
        public var capacity: Int

        /// - Parameter capacity: How many unread messages a channel that matches may hold.
        public init(_ pattern: ChannelPattern, _ capacity: Int) {
            self.pattern = pattern
            self.capacity = capacity
        }
    }

    /// How many unread messages a channel holds. 0 and less: the channel is always full.
    ///
    /// Counted for each full channel name. The written specification shares one capacity among all channels with the same
    /// part before the `!`, while both layers that Channels ships count per full name, as is done here.
    public var capacity: Int
    /// Capacities for some channels, instead of ``capacity``. The first pattern that matches wins.
    public var channelCapacity: [ChannelCapacity]
    /// How long a message waits unread before it is dropped. The layer takes at most 100 years.
    public var expiry: Duration
    /// How long a channel stays in a group after the last `groupAdd`. The layer takes at most 100 years.
    public var groupExpiry: Duration
    /// The size of the largest message, in bytes of event name and data together.
    ///
    /// The default is 1 MiB of data, as the specification asks for, and 1 KiB for the event name.
    public var maximumMessageSize: Int

    /// The defaults are those of Channels' in-memory layer.
    public init(
        capacity: Int = 100,
        channelCapacity: [ChannelCapacity] = [],
        expiry: Duration = .seconds(60),
        groupExpiry: Duration = .seconds(86_400),
        maximumMessageSize: Int = 1_048_576 + 1024
    ) {
        self.capacity = capacity
        self.channelCapacity = channelCapacity
        self.expiry = expiry
        self.groupExpiry = groupExpiry
        self.maximumMessageSize = maximumMessageSize
    }

    func capacity(of channel: ChannelName) -> Int {
        channelCapacity.first { $0.pattern.matches(channel) }?.capacity ?? capacity
    }
}
