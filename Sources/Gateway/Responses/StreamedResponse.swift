import Broker
import HTTPTypes
import NIOCore

/// A response whose body a route makes while it is sent, as the event loop has it.
///
/// Confined to its event loop.
final class StreamedResponse {
    let pipe: ResponsePipe
    let status: HTTPResponse.Status
    let framing: Framing
    /// What the head has said about the connection.
    let ending: RequestLoop.Ending
    private let kind: StreamedKind
    private unowned let handler: ConnectionHandler
    private let shard: Shard
    private let number: Int
    private var health: PeerHealth
    /// When it was ended, for a client that has not taken it all.
    private var endedAt: NIODeadline?
    private var hasLeft = false

    init(
        _ head: StreamedHead,
        _ pipe: ResponsePipe,
        framing: Framing,
        ending: RequestLoop.Ending,
        on handler: ConnectionHandler
    ) {
        (self.pipe, self.framing, self.ending, self.handler) = (pipe, framing, ending, handler)
        (status, kind) = (head.status, head.kind)
        shard = handler.services.shard
        health = PeerHealth(heartbeat: shard.settings.heartbeat, stallTimeout: shard.settings.stallTimeout)
        number = shard.nextNumber()
        shard.responses[number] = self
        shard.counters.streamedResponses.add(1, kind)
    }

    /// Whether nothing of it is written any more.
    var isEnding: Bool { endedAt != nil }

    /// A part of the body as it goes onto the wire. An empty chunk would be the last.
    func frame(_ part: ByteBuffer) -> ByteBuffer {
        part.readableBytes == 0 ? part : framing.frame(part)
    }

    /// The route has failed: what it made goes out, and then the connection ends, or the stream.
    func failed() {
        endedAt = .now()
        shard.counters.failedResponses.add(1)
    }

    /// Its last byte is written, or nobody takes it any more.
    func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        shard.responses[number] = nil
        shard.counters.streamedResponses.add(-1, kind)
        pipe.close()
    }

    /// Closes the connection, whatever the client has taken.
    func close() { handler.close() }

    /// Called about four times per heartbeat. Closes the connection of a client that is gone, reads nothing, or pins too much.
    ///
    /// - Returns: How many bytes wait for the socket.
    func look(_ now: NIODeadline, mayPin: Int) -> Int {
        let verdict = health.check(
            now,
            waitingBytes: handler.waitingBytes,
            mayPin: mayPin,
            peer: { [handler] in handler.peerSilence }
        )
        switch verdict {
        case .fine(let waiting):
            guard let endedAt, now - endedAt > shard.settings.endTimeout else { return waiting }
            note(.stalled)
        case .gone: note(.gone)
        case .stalled: note(.stalled)
        case .pinsTooMuch: note(.pinned)
        }
        close()
        return 0
    }

    private func note(_ reader: SlowReader) {
        shard.counters.count(reader)
        handler.note(reader)
    }
}
