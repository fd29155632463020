/// Channels that carry messages between the parts of a program, and groups that spread one message to many.
///
/// The rules are those of Django Channels' channel layer specification, with the `groups` and `flush` extensions.
/// Delivery is at most once: a message goes to exactly one reader of its channel, in the order in which it was sent, or
/// is dropped after ``ChannelLayerConfiguration/expiry``.
///
/// Everything may be called from any thread. All but ``receive(_:)`` return at once, wait for nobody, and can be called
/// from plain functions.
///
/// A channel exists while a message waits in it, a `receive` waits for it, or it is a member of a group. There is nothing
/// to open or to close, and channels that nobody reads any more go away by themselves.
public protocol ChannelLayer: Sendable {
    /// A name that nobody else has, for a channel with a single reader: `PREFIX.CLIENT!RANDOM`.
    ///
    /// CLIENT is the same for all names of one layer. Both parts come from the system's secure random source, so that a
    /// name cannot be guessed, nor come up again because somebody seeded a generator.
    ///
    /// - Throws: ``BrokerError`` with the code `invalidName` if the prefix has a character that channel names do not
    ///   admit, a `!`, or more than 60 bytes.
    func newChannel(prefix: String) throws(BrokerError) -> ChannelName

    /// Puts a message at the end of a channel, or hands it to the reader that waits longest.
    ///
    /// What has expired in the channel is dropped first, and does not count as unread.
    ///
    /// - Throws: ``BrokerError`` with the code `channelFull` if the channel holds as many unread messages as its capacity
    ///   allows, `messageTooLarge` over the size limit, `closed` after ``close()``.
    func send(_ message: Message, to channel: ChannelName) throws(BrokerError)

    /// Takes the next message out of a channel, and waits for one if there is none.
    ///
    /// Several readers of one channel are served first come, first served. A cancelled wait loses nothing, also where the
    /// cancellation meets a delivery: the message goes to the next reader, or stays in its place in the channel.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, ``BrokerError`` with the code `closed` once the layer is
    ///   closed.
    func receive(_ channel: ChannelName) async throws -> Message

    /// Makes a channel a member of a group; if it is one, the membership lasts ``ChannelLayerConfiguration/groupExpiry``
    /// from now on.
    ///
    /// Messages that expire unread do not end a membership. Does nothing after ``close()``.
    func groupAdd(_ channel: ChannelName, to group: GroupName)

    /// Takes a channel out of a group. Does nothing if it is no member. Messages that wait in the channel stay there.
    func groupDiscard(_ channel: ChannelName, from group: GroupName)

    /// Makes a sink a member of a group, or of all groups that a pattern matches, until it is discarded: the memberships of
    /// sinks never expire. The layer keeps the sink alive. Does nothing if it is a member already. After ``close()`` the
    /// sink is told that (``ChannelSink/layerDidClose()``).
    ///
    /// A message comes once, however many topics of a sink it belongs to. Each pattern costs every message a comparison.
    func groupAdd(_ sink: any ChannelSink, to topic: Topic)

    /// Takes a sink out of a topic. Once this has returned, the sink gets no further message through it.
    func groupDiscard(_ sink: any ChannelSink, from topic: Topic)

    /// Sends a message to every member of a group. With no such group nothing happens.
    ///
    /// A member that is full does not get the message, which is counted in ``ChannelLayerCounters/dropped``, and nobody
    /// else is affected. All members see the messages of concurrent calls in one and the same order.
    ///
    /// - Throws: ``BrokerError`` with the code `messageTooLarge` over the size limit, `closed` after ``close()``; never
    ///   for a full member.
    func groupSend(_ message: Message, to group: GroupName) throws(BrokerError)

    /// Sends many messages, each to the group that it names, in their order and with nothing of others in between.
    ///
    /// Made for a message log, which has committed the messages and can do nothing about a failure. So there is none: the
    /// size limit does not apply (the log has its own), messages without a group are passed over, and nothing happens
    /// after ``close()``.
    func groupSend(contentsOf messages: [Message])

    /// Drops all messages and all memberships of channels. The layer goes on: a `receive` that waits keeps waiting, and
    /// gets the next message.
    ///
    /// Sinks stay members of their groups: whoever follows a group through one has no way to hear of a flush, and would
    /// stay connected without ever receiving anything.
    func flush()

    /// Ends every `receive` that waits with a ``BrokerError`` of the code `closed`, drops everything, and tells the sinks
    /// (``ChannelSink/layerDidClose()``). Final.
    func close()

    /// Drops a channel's messages and takes it out of all groups. A `receive` that waits for it keeps waiting, and gets
    /// what is sent to that name next.
    func removeChannel(_ channel: ChannelName)

    /// The channels in which messages wait, with the number of messages in each. For inspection: time and memory grow
    /// with the number of channels, and senders wait meanwhile.
    var channels: [ChannelName: Int] { get }

    /// The groups with their members; a group without members is none. For inspection, as ``channels``.
    var groups: [GroupName: GroupMembers] { get }

    /// What the layer did since it was made.
    var counters: ChannelLayerCounters { get }
}

extension ChannelLayer {
    /// Makes a sink a member of one group.
    public func groupAdd(_ sink: any ChannelSink, to group: GroupName) { groupAdd(sink, to: .group(group)) }

    /// Takes a sink out of one group.
    public func groupDiscard(_ sink: any ChannelSink, from group: GroupName) { groupDiscard(sink, from: .group(group)) }

    /// A name that nobody else has, `specific.CLIENT!RANDOM`. See ``newChannel(prefix:)``.
    public func newChannel() throws(BrokerError) -> ChannelName {
        try newChannel(prefix: "specific")
    }
}
