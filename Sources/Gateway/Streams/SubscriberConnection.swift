import Broker
import NIOCore

/// The connection that a subscriber writes to, whatever its transport.
///
/// Confined to its event loop, as the subscriber is.
protocol SubscriberConnection: AnyObject {
    var isWritable: Bool { get }
    /// Bytes that were written and that the client has not taken.
    var waitingBytes: Int { get }
    /// What the system knows of the client's acknowledgements.
    var peerSilence: PeerSilence { get }
    /// Where it comes from; nil where that is not known.
    var remoteAddress: SocketAddress? { get }
    /// For whom the store is read.
    var client: ReadClient { get }

    /// Whether the connection is looked at itself, since it holds more than one subscriber: its heartbeats and its health are
    /// no subscriber's then.
    var isLookedAt: Bool { get }

    /// The name of the subscription, where the connection has several that are told apart by theirs.
    var subscriptionName: String? { get }

    /// What opens a stream, where the connection says that in a way of its own.
    func opening(_ preamble: StreamPreamble) -> ByteBuffer?
    /// A reset in the middle of a stream, where the connection says that in a way of its own.
    func frame(of reset: StreamPreamble.Reset, at position: MessageID) -> ByteBuffer?
    /// Writes framed bytes; the first of them after the response's head.
    func send(_ frame: ByteBuffer)
    /// Writes the last bytes, ends the response, and closes the connection when the client has taken them.
    func finish(_ last: ByteBuffer)
    /// Closes the connection, whatever the client has taken.
    func close()
    /// The client does not keep up: whoever runs the server may want to know whose it is.
    func note(_ reader: SlowReader)
}

extension SubscriberConnection {
    var remoteAddress: SocketAddress? { nil }
    func note(_ reader: SlowReader) {}
    var isLookedAt: Bool { false }
    var subscriptionName: String? { nil }

    func opening(_ preamble: StreamPreamble) -> ByteBuffer? { nil }
    func frame(of reset: StreamPreamble.Reset, at position: MessageID) -> ByteBuffer? { nil }
}
