/// A member of groups that takes messages as they come, where a channel would queue them.
public protocol ChannelSink: AnyObject, Sendable {
    /// Takes a message. Called under the layer's lock, so that all members see one order: only enqueue, and never call
    /// the layer.
    func receive(_ message: Message, in group: GroupName)
    /// Called once after the lock was released, when one or more messages were received: the time to wake a reader.
    func deliveriesDidEnd()
}
