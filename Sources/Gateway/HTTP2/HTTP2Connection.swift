import Broker
import NIOCore
import NIOHTTP2

/// A connection of HTTP/2 as a whole: its streams counted, its end. Each of its streams has a ``ConnectionHandler`` of its own.
///
/// Stands above the library's handler, which keeps to the protocol: frames, flow control, and how often a peer may reset
/// streams, ping, or change settings.
final class HTTP2Connection: ChannelInboundHandler, OpenConnection {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// With this a client begins (RFC 9113 §3.4).
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let services: ConnectionServices
    private let arrival: Arrival
    private var life: HTTP2Life
    private var health: PeerHealth
    private var context: ChannelHandlerContext?

    private init(_ services: ConnectionServices, _ arrival: Arrival) {
        (self.services, self.arrival) = (services, arrival)
        let limits = services.limits
        life = HTTP2Life(
            firstStreamUntil: arrival.began + limits.loop.headTimeout,
            idleTimeout: limits.loop.idleTimeout,
            maximumFaults: HTTP2Limits.faults
        )
        health = PeerHealth(heartbeat: limits.http2.heartbeat, stallTimeout: limits.loop.stallTimeout)
    }

    /// Puts HTTP/2 on a channel.
    static func add(to channel: any Channel, _ services: ConnectionServices, _ arrival: Arrival) throws {
        let connection = HTTP2Connection(services, arrival)
        let this = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let handler = NIOHTTP2Handler(
            mode: .server,
            eventLoop: channel.eventLoop,
            connectionConfiguration: services.limits.http2.handler.connection,
            streamConfiguration: services.limits.http2.handler.stream
        ) { stream in
            stream.eventLoop.makeCompletedFuture { try this.value.add(stream) }
        }
        let waterMark = services.limits.http2.handler.stream.outboundBufferSizeHighWatermark
        try channel.pipeline.syncOperations.addHandler(GatheredFlushes(waterMark: waterMark))
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        services.connections.insert(self)
        services.counters.transports.add(1, transport)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        services.connections.remove(self)
        services.counters.transports.add(-1, transport)
        self.context = nil
    }

    private var transport: Transport { Transport(isHTTP2: true, isSecure: arrival.isSecure) }

    // MARK: Streams

    /// What is thrown resets the stream.
    private struct TooManyStreams: Error {}

    private func add(_ stream: any Channel) throws {
        let counters = services.counters
        let limit = services.limits.http2.streams
        guard counters.http2Streams.value < limit + HTTP2Limits.answeredOverLimit else {
            counters.refusedConnections.add(1)
            counters.rejections.add(1, .connections)
            throw TooManyStreams()
        }
        counters.http2Streams.add(1)
        let id = try stream.syncOptions?.getOption(HTTP2StreamChannelOptions.streamID)
        life.streamOpened(id.map { Int($0) } ?? 0)
        let this = NIOLoopBound(self, eventLoop: stream.eventLoop)
        stream.closeFuture.whenComplete { _ in
            counters.http2Streams.add(-1)
            this.value.streamClosed()
        }
        var arrival = arrival
        arrival.isExcess = arrival.isExcess || counters.http2Streams.value > limit
        let handler = ConnectionHandler(services: services, wire: .http2, bottom: nil, arrival: arrival)
        // It came before the client knew that the server stops, or that the connection ends: its answer sends it elsewhere.
        if life.isEnding { handler.loop.closeAfterThis() }
        try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
        try stream.pipeline.syncOperations.addHandler(handler)
    }

    private func streamClosed() {
        perform(life.streamClosed(.now()))
    }

    // MARK: The end

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        perform(life.failed(isInStream: HTTP2Fault.isInStream(error), .now()))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { close() }
    }

    /// Called by the loop's timer.
    func tick(_ now: NIODeadline) {
        guard let context else { return }
        let verdict = health.check(now, waitingBytes: 0, mayPin: .max, peer: { PeerSilence(of: context.channel) })
        if verdict == .gone {
            services.counters.gonePeers.add(1)
            return close()
        }
        perform(life.tick(now))
    }

    /// The server stops.
    func shutDown() {
        perform(life.shutDown(.now()))
    }

    func close() {
        context?.close(mode: .all, promise: nil)
    }

    private func perform(_ action: HTTP2Life.Action?) {
        guard let action, let context else { return }
        switch action {
        case .announceEnd:
            writeGoAway(.maxID, context, nil)
            context.flush()
        case .finish(let last):
            let sent = context.eventLoop.makePromise(of: Void.self)
            sent.futureResult.assumeIsolated().whenComplete { [self] _ in linger() }
            writeGoAway(HTTP2StreamID(last), context, sent)
            context.flush()
        case .linger:
            linger()
        case .close:
            close()
        }
    }

    private func writeGoAway(
        _ last: HTTP2StreamID,
        _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>?
    ) {
        let goAway = HTTP2Frame.FramePayload.goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil)
        context.write(wrapOutboundOut(HTTP2Frame(streamID: .rootStream, payload: goAway)), promise: promise)
    }

    /// So much of a client's input is dropped after the last frame; a client that floods is closed then.
    private static let lingerBytes = 1 << 20

    /// Closes this side, and reads and drops what the client still sends: closing with unread input could reset the connection
    /// before the client has read why.
    private func linger() {
        guard let context, let handler = try? context.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self) else {
            return close()
        }
        let drain = InputDrain(maximumBytes: Self.lingerBytes)
        do { try context.pipeline.syncOperations.addHandler(drain, position: .before(handler)) } catch {
            return close()
        }
        context.close(mode: .output, promise: nil)
    }
}
