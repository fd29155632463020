/// A member of groups that takes messages as they come, where a channel would queue them for a `receive`.
///
/// Made for the gateway, whose event loops each have an inbox of their own. Calls come on the thread of whoever sends.
public protocol ChannelSink: AnyObject, Sendable {
    /// Takes one message.
    ///
    /// Called while the layer is locked, in the order that all members of the group see. So it must only put the message
    /// into a queue: it must not wait, and must not call the layer, which would block for ever. What a full queue means is
    /// up to the sink.
    func receive(_ message: Message, in group: GroupName)

    /// Called once after the messages of one `groupSend` (single or batch) in which the sink got at least one, after the
    /// layer is unlocked: the place to wake whoever reads the queue, once for a whole batch.
    ///
    /// Calls of concurrent sends may overlap, and one may come after the messages of a later send, or after the sink was
    /// discarded. Calling the layer is allowed here.
    func deliveriesDidEnd()

    /// The layer was closed: nothing comes any more. Called after the layer is unlocked, once if the sink is a member of
    /// a group then, and each time that it is to join one later. Whoever follows a group through this sink must hear of
    /// it: end their streams. Only enqueue here.
    func layerDidClose()
}

extension ChannelSink {
    /// Does nothing.
    public func layerDidClose() {}
}
