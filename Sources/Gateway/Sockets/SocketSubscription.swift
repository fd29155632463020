import Broker
import NIOCore

/// A subscription of a WebSocket: what a connection is to its ``Subscriber``. It has a cursor of its own; all else is the
/// socket's.
///
/// Confined to its event loop.
final class SocketSubscription {
    let name: String
    let topics: [Topic]
    private let subscriber: Subscriber
    /// Nil once it has ended.
    private var socket: SocketHandler?
    /// Of the request whose answer is due.
    private var ref: ByteBuffer?

    init(name: String, _ request: Subscriber.Request, ref: ByteBuffer?, on socket: SocketHandler) {
        (self.name, self.ref, self.socket) = (name, ref, socket)
        topics = request.feedKey.topics
        subscriber = Subscriber(request: request, shard: socket.services.shard)
    }

    /// Its answer, and messages, may be written before this returns.
    func begin() {
        subscriber.begin(on: self)
    }

    /// Nothing of it is written after this.
    func end() {
        subscriber.connectionClosed()
        socket = nil
    }

    func writabilityChanged(_ isWritable: Bool) {
        subscriber.writabilityChanged(isWritable)
    }
}

extension SocketSubscription: SubscriberConnection {
    var isWritable: Bool { socket?.isWritable ?? false }
    var waitingBytes: Int { socket?.waitingBytes ?? 0 }
    var peerSilence: PeerSilence { .none }
    var remoteAddress: SocketAddress? { socket?.context?.channel.remoteAddress }
    var client: ReadClient { socket?.context.map { ReadClient($0.channel) } ?? .current }
    var isLookedAt: Bool { true }
    var subscriptionName: String? { name }

    func opening(_ preamble: StreamPreamble) -> ByteBuffer? {
        defer { ref = nil }
        return ServerFrame.subscribed(name, preamble, ref: ref)
    }

    func frame(of reset: StreamPreamble.Reset, at position: MessageID) -> ByteBuffer? {
        ServerFrame.reset(name, reset, at: position)
    }

    func send(_ frame: ByteBuffer) {
        socket?.send(frame)
    }

    /// Streams end where the server stops, or an operator ends one: that ends the whole socket, since nothing else would make
    /// its client subscribe anew.
    func finish(_: ByteBuffer) {
        socket?.goAway()
    }

    func close() {
        socket?.close()
    }
}
