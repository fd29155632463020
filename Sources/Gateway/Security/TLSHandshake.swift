import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// Waits above TLS until both sides agree, and sets the connection up for the protocol that they have chosen (ALPN).
final class TLSHandshake: ChannelInboundHandler, RemovableChannelHandler, OpenConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// What is offered, the better one first (RFC 7301, RFC 9113 §3.2).
    static let protocols = ["h2", "http/1.1"]

    private let services: ConnectionServices
    private let arrival: Arrival
    private let deadline: NIODeadline
    private var context: ChannelHandlerContext?

    init(_ services: ConnectionServices, _ arrival: Arrival) {
        (self.services, self.arrival) = (services, arrival)
        deadline = arrival.began + services.limits.loop.headTimeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        services.connections.insert(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        services.connections.remove(self)
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let negotiated):
            do {
                try setUp(negotiated, context)
            } catch {
                close()
            }
        case ChannelEvent.inputClosed:
            close()
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func setUp(_ negotiated: String?, _ context: ChannelHandlerContext) throws {
        if negotiated == "h2" {
            try HTTP2Connection.add(to: context.channel, services, arrival)
        } else {
            // A client that names no protocol speaks the older one.
            try ConnectionPipeline.addHTTP1(to: context.channel, services, arrival, isPlain: false)
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        services.counters.failedHandshakes.add(1)
        services.logger.debug("A TLS handshake failed", metadata: ["error": "\(error)"])
        close()
    }

    /// A client that stalls in the handshake is closed when the time to send a request's head has passed.
    func tick(_ now: NIODeadline) {
        if now >= deadline { close() }
    }

    func shutDown() {
        close()
    }

    func close() {
        context?.close(mode: .all, promise: nil)
    }
}
