import Broker
import HTTPTypes
import NIOCore
import NIOSSL

/// Waits for the first bytes of a connection, and sets it up for what they begin. Only there where it is not certain from the
/// start: on a port for TLS, and where clients may speak HTTP/2 without it.
///
/// A connection that has sent nothing has no memory for TLS yet, and gets the certificate of the moment in which it does.
final class ConnectionGate: ChannelInboundHandler, RemovableChannelHandler, OpenConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What may come.
    enum Expected: Sendable {
        /// TLS only.
        case tls(Certificates)
        /// HTTP/1, or HTTP/2 with prior knowledge (RFC 9113 §3.3).
        case cleartext
    }

    private let expected: Expected
    private let services: ConnectionServices
    private let arrival: Arrival
    private var deadline: NIODeadline
    private var first = ByteBuffer()
    private var isRefused = false
    private var context: ChannelHandlerContext?

    init(_ expected: Expected, _ services: ConnectionServices, _ arrival: Arrival) {
        (self.expected, self.services, self.arrival) = (expected, services, arrival)
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

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        first.writeImmutableBuffer(unwrapInboundIn(data))
        do {
            switch expected {
            case .tls(let certificates): try beginTLS(certificates, context)
            case .cleartext: try beginCleartext(context)
            }
        } catch {
            close()
        }
    }

    private func beginTLS(_ certificates: Certificates, _ context: ChannelHandlerContext) throws {
        guard let byte = first.readableBytesView.first else { return }
        // The type of a record with a handshake (RFC 8446 §5.1). TLS itself judges what is neither that nor text.
        guard byte == 0x16 || !UInt8.letters.contains(byte) else { return refuse(context) }
        var secured = arrival
        secured.isSecure = true
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandler(NIOSSLServerHandler(context: certificates.current))
        try pipeline.addHandler(TLSHandshake(services, secured))
        leave(context)
    }

    private func beginCleartext(_ context: ChannelHandlerContext) throws {
        let preface = HTTP2Connection.preface
        if first.readableBytes < preface.count, preface.starts(with: first.readableBytesView) { return }
        if first.readableBytesView.starts(with: preface) {
            try HTTP2Connection.add(to: context.channel, services, arrival)
        } else {
            try ConnectionPipeline.addHTTP1(to: context.channel, services, arrival, isPlain: true)
        }
        leave(context)
    }

    /// Those who stand above now take the bytes.
    private func leave(_ context: ChannelHandlerContext) {
        let bytes = first
        first = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(bytes))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    /// A person who typed `http://` reads why there is no answer.
    private func refuse(_ context: ChannelHandlerContext) {
        isRefused = true
        first = ByteBuffer()
        deadline = .now() + Self.lingerTime
        let answer = Problem(.badRequest, "This port speaks HTTPS: begin the address with https://.").answer
        var bytes = ByteBuffer()
        bytes.writeString("HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n")
        bytes.writeString("\(RequestID.field): \(services.makeID())\r\n")
        bytes.writeString("Content-Length: \(answer.body.readableBytes)\r\nConnection: close\r\n\r\n")
        bytes.writeImmutableBuffer(answer.body)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in
            // What the client still sends is read and dropped, so that it gets the answer (RFC 9112 §9.6).
            this.value.context?.close(mode: .output, promise: nil)
        }
    }

    private static let lingerTime = TimeAmount.seconds(1)

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        close()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close()
    }

    /// A client that says nothing is closed without a word.
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

extension UInt8 {
    /// With one of these begins every method of HTTP.
    fileprivate static let letters = UInt8(ascii: "A")...UInt8(ascii: "z")
}
