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

    /// Called when the layer is closed, and when the sink is to join a group of a layer that is closed: it gets no more
    /// messages, and must tell those who wait for them. Comes at least once, after the layer is unlocked, but perhaps
    /// under a lock of the caller's: it must not wait. By default it does nothing.
    func layerDidClose()
}

extension ChannelSink {
    public func layerDidClose() {}
}
