import Broker
import Logging
import NIOCore
import NIOHTTP1

/// The messages of a WebSocket for the application that has accepted it, and what the application sends.
///
/// Confined to its event loop.
final class SocketSession {
    private let grant: SocketGrant
    private let socket = WebSocket()
    /// For the log.
    private let request: (head: HTTPRequestHead, id: RequestID?)
    private let logger: Logger
    private weak var handler: SocketHandler?
    private var work: Task<Void, Never>?
    /// Under which the grant's end knows it.
    private var endNumber: Int?
    private var hasEnded = false

    init(_ grant: SocketGrant, _ request: IncomingRequest, logger: Logger) {
        (self.grant, self.request, self.logger) = (grant, (request.head, request.id), logger)
    }

    /// Whether the client may send on.
    var takesMessages: Bool { socket.inbox.hasRoom }
    /// What the client has sent and nobody has taken.
    var heldBytes: Int { socket.inbox.heldBytes }

    /// The client has its answer.
    func begin(on handler: SocketHandler) {
        guard !hasEnded, !handler.hasEnded, let channel = handler.context?.channel else { return }
        self.handler = handler
        let this = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let outside = handler.shard.shared.outside
        let onLoop: @Sendable (@escaping @Sendable (SocketSession) -> Void) -> Void = { body in
            outside.begin()
            this.eventLoop.execute {
                body(this.value)
                outside.end()
            }
        }
        if let end = grant.end {
            endNumber = end.attach { done in
                onLoop { session in
                    session.handler?.close(.policyViolation, "the session has ended")
                    done()
                }
            }
            guard endNumber != nil else { return handler.close(.policyViolation, "the session has ended") }
        }
        socket.inbox.begin { onLoop { $0.handler?.proceed() } }
        socket.pipe.begin { onLoop { $0.drain() } }
        let (grant, socket, request, logger) = (grant, socket, request, logger)
        let client = ReadClient(channel)
        work = outside.run {
            await ReadClient.$current.withValue(client) {
                do {
                    try await grant.handle(socket)
                    socket.close()
                } catch {
                    if !Task.isCancelled {
                        RouterBridge.log(error, "The program of a WebSocket failed", request.head, request.id, logger)
                    }
                    socket.close(.internalError, reason: "the server has failed")
                }
            }
        }
    }

    func received(_ text: ByteBuffer) {
        socket.inbox.give(String(buffer: text))
    }

    func writabilityChanged(_ isWritable: Bool) {
        socket.pipe.wrote(isWritable: isWritable)
    }

    private func drain() {
        guard let handler, !handler.hasEnded else { return }
        guard handler.isWritable else { return socket.pipe.wrote(isWritable: false) }
        let load = socket.pipe.take()
        if load.bytes.readableBytes > 0 { handler.send(load.bytes) }
        guard load.end == nil else { return handler.close(socket.close.code, socket.close.reason) }
        socket.pipe.wrote(isWritable: handler.isWritable)
    }

    /// Nothing more goes in either direction.
    func socketEnded() {
        guard !hasEnded else { return }
        hasEnded = true
        if let endNumber { grant.end?.detach(endNumber) }
        socket.inbox.end()
        // Before the pipe is closed: a program that hears of that knows why.
        work?.cancel()
        socket.pipe.close()
    }
}
