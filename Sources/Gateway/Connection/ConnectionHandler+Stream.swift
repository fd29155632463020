import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Responses that are event streams.
extension ConnectionHandler {
    /// An application has answered; the connection may be gone meanwhile.
    func open(_ request: IncomingRequest, _ grant: Result<StreamGrant, Problem>) {
        guard loop.beingAnswered != nil, let context else { return }
        switch grant {
        case .success(let grant): openStream(request, grant, context)
        case .failure(let problem): respond(problem.answer)
        }
    }

    func openStream(_ request: IncomingRequest, _ grant: StreamGrant?, _ context: ChannelHandlerContext) {
        var stream: Subscriber.Request
        do throws(Problem) {
            stream = try Subscriber.Request(
                request,
                grant: grant,
                limits: services.limits,
                framing: wire.framing,
                now: services.shard.settings.wallClock()
            )
        } catch {
            return respond(error.answer)
        }
        stream.origin.client = services.shard.shared.strangers.proxies.client(request.head.headers, peer: arrival.peer)
        let format = stream.feedKey.style.format
        let fields = StreamHead.fields(of: format, isNegotiated: grant == nil)
        guard request.head.method != .HEAD else { return respond(Answer(status: .ok, headers: fields)) }
        guard !loop.isEnding else {
            return comeBackLater(format, fields, services.admission.reasonToWait, excess)
        }
        let place = services.shard.shared.strangers.streamSeat(for: request.principal)
        guard place.isFree else {
            let reason = "this user has as many streams as are allowed (--max-streams-per-user)"
            return comeBackLater(format, fields, reason, .user)
        }
        let patterns = services.shard.shared.patterns
        guard stream.takePatterns(patterns) else { return comeBackLater(format, fields, patterns.reason, .connections) }
        streamSeat = place.seat
        begin(Subscriber(request: stream, shard: services.shard), fields, answering: request.head, context)
    }

    /// The response is a stream from now on, and has no end that the client could wait for: its connection reads no more
    /// requests, and needs nothing that reads them.
    private func begin(
        _ subscriber: Subscriber,
        _ fields: HTTPFields,
        answering head: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        let mark = mark ?? RequestMark(id: services.makeID(), began: .now())
        wire.beginStream(services.heads.streamHead(fields, answering: head, mark.id, on: wire))
        if services.requestLog.hasRequests {
            services.requestLog.answered(subject(head, mark), .ok, bytes: 0)
        }
        loop.beganStream()
        self.subscriber = subscriber
        services.connections.remove(self)
        if let bottom, !stopReadingRequests(above: bottom, context) { return close() }
        subscriber.begin(on: self)
        self.mark?.span?.end(.ok)
        self.mark?.span = nil
        // A read that was held while an earlier request was answered: the stream must hear of the client's end.
        goOn()
    }

    private func stopReadingRequests(above bottom: RequestLinePeek, _ context: ChannelHandlerContext) -> Bool {
        let pipeline = context.pipeline.syncOperations
        let drain = InputDrain(maximumBytes: services.shard.settings.ignoredInputBytes)
        do {
            try pipeline.addHandler(drain, position: .before(bottom))
            let decoder = try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
            pipeline.removeHandler(context: decoder).cascade(to: nil)
            pipeline.removeHandler(bottom).cascade(to: nil)
            return true
        } catch {
            return false
        }
    }

    func endStream() {
        wire.detach()
        endStreamed()
        // A poll that nobody waits for any more is a request that was given up: that has been said.
        if let subscriber, !(subscriber is LongPoll), let mark, services.requestLog.hasRequests {
            services.requestLog.streamEnded(subject(nil, mark))
        }
        mark = nil
        subscriber?.connectionClosed()
        subscriber = nil
        streamSeat = nil
    }

    /// Why the connection is to end; nil where the server stops.
    var excess: Rejection? {
        guard loop.isEnding else { return nil }
        if arrival.isExcessOfAddress { return .address }
        return arrival.isExcess ? .connections : nil
    }

    /// The same, for a stream that was refused before it was looked at.
    func comeBackLater(_ request: IncomingRequest, _ reason: String, _ rejection: Rejection) {
        let format: EventFormat = Subscriber.Request.wantsLines(request.head.headers) ? .lines : .plain
        comeBackLater(format, StreamHead.fields(of: format, isNegotiated: true), reason, rejection)
    }

    /// An answer that makes `EventSource` try again: a 503 would end it for good.
    ///
    /// - Parameter reason: For people who look at it; `EventSource` passes a comment over.
    private func comeBackLater(
        _ format: EventFormat,
        _ fields: HTTPFields,
        _ reason: String,
        _ rejection: Rejection?
    ) {
        services.counters.refusedConnections.add(1)
        loop.closeAfterThis()
        let retry = services.shard.settings.random(5000...15_000)
        let body = format.ending(retryMilliseconds: retry, reason: reason)
        respond(Answer(status: .ok, headers: fields, body: body, rejection: rejection))
    }
}

extension ConnectionHandler: SubscriberConnection {
    var isWritable: Bool { context?.channel.isWritable ?? false }
    var waitingBytes: Int { context.map { wire.waitingBytes($0) } ?? 0 }
    var peerSilence: PeerSilence { context.map { PeerSilence(of: $0.channel) } ?? .none }
    var remoteAddress: SocketAddress? { context?.channel.remoteAddress }
    var client: ReadClient { context.map { ReadClient($0.channel) } ?? .current }

    func send(_ frame: ByteBuffer) {
        guard let context, let rest = wire.sendToSocket(frame, context) else { return }
        let head = wire.takeHead()
        sender.send(rest, after: head, context)
    }

    func finish(_ last: ByteBuffer) {
        guard let context else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in close() }
        let head = wire.takeHead()
        sender.finish(last, after: head, context, promise)
    }
}
