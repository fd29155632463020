public import Broker
public import NIOCore

/// Makes an application's event of a message at the moment it is encoded: with what the message itself cannot hold, as
/// its id, or what changes after it was stored.
///
/// A composition is shared by all streams of an event loop, and kept for those that follow, as long as the revision is
/// the same.
public protocol MessageComposer: AnyObject, Sendable {
    /// Another number whenever messages that were composed before look different now. It is read often: keep it at hand.
    var revision: Int { get }

    /// The event; nil where the message is no longer to be seen, of which streams then tell the id only. Called on event
    /// loops: it must not wait.
    func compose(_ message: Message) -> ComposedEvent?
}

/// What a composer makes of a message.
public struct ComposedEvent: Sendable {
    /// The event's name.
    public var event: String
    /// UTF-8 text.
    public var data: ByteBuffer

    public init(event: String = Message.defaultEvent, data: ByteBuffer) {
        (self.event, self.data) = (event, data)
    }
}

/// A composer as part of a stream's style: two are the same where the composer is.
struct Composition: Hashable, Sendable {
    let composer: any MessageComposer

    static func == (left: Composition, right: Composition) -> Bool { left.composer === right.composer }

    func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(composer))
    }
}
