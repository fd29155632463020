import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// A connection of HTTP/1, or a stream of HTTP/2: one request at a time is gathered, checked and answered.
///
/// Event streams and publishes are answered here, on the event loop. All else goes to the router. ``RequestLoop`` decides
/// what is read, refused and closed; this carries it out.
///
/// The library's server was not used for this: it answers neither garbage nor `Expect`, drains what it refused, and
/// spends a task and an asynchronous channel on each connection (docs/decisions/0004-connections-of-our-own.md).
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler, OpenConnection {
    typealias InboundIn = HTTPServerRequestPart
    /// Nothing stands above that would write.
    typealias OutboundIn = Never

    let services: ConnectionServices
    /// Of HTTP/1: what stands at the bottom of our handlers.
    let bottom: RequestLinePeek?
    var wire: Wire
    /// A copy to write with: writing may end the connection, and changes the wire then.
    var sender: Wire { wire }
    var loop: RequestLoop
    private var isGoingOn = false
    var context: ChannelHandlerContext?
    var subscriber: Subscriber?
    /// Its user's seat, while it is a stream.
    var streamSeat: Seat?
    /// The task of a request that only reads, or asks for a stream.
    var reading: Task<Void, Never>?
    /// The task of a request that the router has, whatever it does.
    var routing: Task<Void, Never>?
    /// While a route makes the body of a response.
    var streamed: StreamedResponse?
    let arrival: Arrival
    /// The request that is being answered, or the stream.
    var mark: RequestMark?

    /// - Parameter bottom: Of HTTP/1: stands below the decoder, above whatever secures the transport.
    init(services: ConnectionServices, wire: Wire, bottom: RequestLinePeek?, arrival: Arrival) {
        self.services = services
        self.wire = wire
        self.bottom = bottom
        self.arrival = arrival
        // The time for the first head began with the connection; a stream of HTTP/2 begins with its head.
        loop = RequestLoop(limits: services.limits.loop, now: bottom == nil ? .now() : arrival.began)
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        services.connections.insert(self)
        countTransport(1)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        services.connections.remove(self)
        countTransport(-1)
        endStream()
        self.context = nil
    }

    /// A connection of HTTP/2 counts itself, and not each of its streams.
    private func countTransport(_ change: Int) {
        guard bottom != nil else { return }
        services.counters.transports.add(change, Transport(isHTTP2: false, isSecure: arrival.isSecure))
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A poll is a request that waits; a stream was answered when it began.
        if let mark, streamed == nil, subscriber == nil || subscriber is LongPoll {
            mark.span?.abandon()
            if services.requestLog.hasRequests { services.requestLog.abandoned(subject(loop.beingAnswered, mark)) }
        }
        // Nobody waits for the answer: the store is not read for it. Before its pipe is closed: a route that hears of that knows
        // why.
        reading?.cancel()
        reading = nil
        endStream()
        loop.closed()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        if loop.mayRead() { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        // HTTP/2 ends each request like that.
        guard wire.version != .http2 else { return }
        // A client that half-closes will not read a stream on: browsers and curl close like that when they go away.
        loop.inputClosed()
        endPoll()
        endResponse()
        goOn()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What came behind a request whose answer is a stream. Nobody waits for it.
        if case .leftoverDataWhenDone? = error as? ByteToMessageDecoderError { return }
        let problem: Problem
        switch error as? HTTPParserError {
        case .headerOverflow?:
            problem = .headTooLarge(services.limits)
        case .invalidContentLength?:
            problem = Problem(.badRequest, "The Content-Length is no number of bytes, or far too large.")
        case .invalidURL?:
            problem = Problem(
                .badRequest,
                "The address in the request is no URL. It begins with '/', and what is not ASCII is percent-encoded in it, such "
                    + "as %C3%BC for 'ü'."
            )
        case .some:
            problem =
                bottom?.problem()
                ?? Problem(.badRequest, "This is not an HTTP/1.1 request. Check the client, or the port.")
        case nil where error is NIOHTTPDecoderError || error is ByteToMessageDecoderError:
            problem = Problem(.badRequest, "This is not an HTTP/1.1 request. Check the client, or the port.")
        case nil:
            return close()
        }
        loop.failed(problem)
        goOn()
    }

    /// Called by the loop's timer.
    func tick(_ now: NIODeadline) {
        let waiting = { [context, wire] in context.map { wire.waitingBytes($0) } ?? 0 }
        if let action = loop.tick(now, waitingBytes: waiting()) { perform(action) }
    }

    /// The server stops: what is being answered is finished.
    func shutDown() {
        loop.shutDown(now: .now())
        goOn()
        guard let eventLoop = context?.eventLoop else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        // The timer's own ticks may be far apart.
        eventLoop.scheduleTask(in: RequestLoop.firstRequestTime) { this.value.tick(.now()) }
    }

    /// Closes as soon as the client has taken what it was answered.
    func closeWhenSent() {
        guard let context, wire.waitingBytes(context) > 0 else { return close() }
        sender.whenSent(context) { [self] in close() }
    }

    func close() {
        guard let context else { return }
        context.close(mode: .all, promise: nil)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        loop.received(unwrapInboundIn(data))
        goOn()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        loop.readCompleted(now: .now())
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        subscriber?.writabilityChanged(isWritable)
        streamed?.pipe.wrote(isWritable: isWritable)
        if isWritable {
            loop.becameWritable()
            goOn()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Does what there is to do.
    func goOn() {
        // An answer that is given at once comes back here: the loop below goes on then, not a deeper one.
        guard !isGoingOn else { return }
        isGoingOn = true
        while let action = loop.next(now: .now()) { perform(action) }
        isGoingOn = false
    }

    private func perform(_ action: RequestLoop.Action) {
        switch action {
        case .admit(let head): admit(head)
        case .sendContinue: if let context { sender.writeContinue(context) }
        case .answer(let request): answer(request)
        case .refuse(let problem, let request): refuse(problem, request)
        case .read: context?.read()
        case .closeWhenSent: closeWhenSent()
        case .close: close()
        }
    }

    private func admit(_ head: HTTPRequestHead) {
        if wire.version != .http2 { wire.version = head.usesHTTP11 ? .http1_1 : .http1_0 }
        let isRefused = arrival.isExcessOfAddress || (arrival.isExcess && services.admission.isOverLimit)
        if isRefused { loop.closeAfterThis() }
        let now = NIODeadline.now()
        mark = RequestMark(id: services.id(of: head, from: arrival.peer), began: now)
        let request = services.admission.admit(head, arrival, isExcess: isRefused)
        guard let old = request.principal.unknownTo, let context, let keys = services.admission.authenticator.keys
        else {
            return admitted(request, now)
        }
        // Somebody waits for a set of keys at an address, for whom it may be asked again.
        let this = NIOLoopBound((handler: self, request: request, head: head), eventLoop: context.eventLoop)
        services.shard.shared.outside.run {
            let isChanged = await keys.refresh(unknownTo: old)
            this.eventLoop.execute {
                let (handler, request, head) = this.value
                handler.admitted(
                    isChanged
                        ? handler.services.admission.admit(head, handler.arrival, isExcess: isRefused) : request,
                    .now()
                )
                handler.goOn()
            }
        }
    }

    private func admitted(_ request: IncomingRequest, _ now: NIODeadline) {
        request.id = mark?.id
        if let tracing = services.tracing, let id = request.id {
            let span = tracing.begin(request.head, request.route, id)
            mark?.span = span
            request.traceContext = span.context
        }
        if services.requestLog.hasNotices { mark?.user = request.principal.token?.name }
        if let action = loop.admitted(request, now: now) { perform(action) }
    }
}
