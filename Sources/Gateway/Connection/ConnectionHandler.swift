import Broker
import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTP1

/// An HTTP/1 connection: one request at a time is gathered, checked and answered.
///
/// Event streams and publishes are answered here, on the event loop; a stream takes the connection over for good. All
/// else goes to the router. What a client sends while its request is being answered (pipelining) waits, and nothing more
/// is read meanwhile.
///
/// The library's server was not used for this: it answers neither garbage nor `Expect`, drains what it refused, and
/// spends a task and an asynchronous channel on each connection (docs/decisions/0004-connections-of-our-own.md).
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// Waits for a request's head.
        case idle
        case receiving(IncomingRequest)
        case responding(HTTPRequestHead)
        /// Answered, and closed for output: reads what still comes, for a while, so that the answer is not lost to a reset
        /// (RFC 9112 §9.6).
        case lingering
        /// A stream has the connection, or it is closed.
        case done

        var isResponding: Bool {
            if case .responding = self { true } else { false }
        }
    }

    private let services: ConnectionServices
    private var context: ChannelHandlerContext?
    private var state = State.idle
    /// Parts that came while a request was being answered.
    private var pipelined: Deque<HTTPServerRequestPart> = []
    private var isGoingOn = false
    private var isReadHeld = false
    private var failure: Problem?
    private var inputIsClosed = false
    /// Whether it came when there were too many already. Those that were there before are not refused for it.
    private var isExcess = false
    private var isClosing = false
    /// Whether the parser has stopped: after a request that asks for another protocol it waits for a handler of that one.
    /// We speak none, so the answer is the connection's last (RFC 9110 §7.8 lets a server ignore `Upgrade`).
    private var hasParserStopped = false
    private var deadline: NIODeadline
    /// Whether parts have come since the last read, and whether bytes of a head have that is not whole yet.
    private var partsCame = false
    private var headBegan = false
    /// How much of its answers the client had not taken when the deadline last passed.
    private var unsentBytes = 0
    /// When it was last seen to have taken some of them.
    private var lastTaken = NIODeadline.distantPast

    /// What is read from a client after the last answer, at most.
    private static let lingerBytes = 4 << 20
    private static let lingerTime = TimeAmount.seconds(2)

    init(services: ConnectionServices) {
        self.services = services
        deadline = .now() + services.limits.headTimeout
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isExcess = services.isOverLimit
        services.connections.insert(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        services.connections.remove(self)
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .done
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        // Held back only once something waits: not to read, and to read again, costs two system calls a request.
        if state.isResponding, !pipelined.isEmpty { isReadHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        inputIsClosed = true
        if !state.isResponding { closeWhenSent() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let problem: Problem
        switch error as? HTTPParserError {
        case .headerOverflow?:
            problem = Problem(
                .requestHeaderFieldsTooLarge,
                "The address and the header fields are too large: at most \(services.limits.headerBytes) bytes are allowed "
                    + "(--max-header-size)."
            )
        case .some:
            problem = Problem(.badRequest, "This is not an HTTP/1.1 request. Check the client, or the port.")
        case nil where error is NIOHTTPDecoderError || error is ByteToMessageDecoderError:
            problem = Problem(.badRequest, "This is not an HTTP/1.1 request. Check the client, or the port.")
        case nil:
            return close()
        }
        switch state {
        case .responding: failure = problem
        case .idle, .receiving: refuse(problem, nil)
        case .lingering, .done: close()
        }
    }

    /// Called by the loop's timer.
    func tick(_ now: NIODeadline) {
        guard now >= deadline else { return }
        switch state {
        case .responding, .done: break
        case .idle where !headBegan, .lingering:
            if !isTakingAnswer(now) { close() }
        case .idle, .receiving:
            refuse(Problem(.requestTimeout, "The request did not arrive in time. Send it again."), nil)
        }
    }

    /// Whether the client has taken some of an answer since the last look; it is given more time then. Who reads slowly is
    /// not cut off, who reads nothing is.
    private func isTakingAnswer(_ now: NIODeadline) -> Bool {
        let waiting = context?.bufferedBytes ?? 0
        defer { unsentBytes = waiting }
        guard waiting > 0 || unsentBytes > 0 else { return false }
        if waiting != unsentBytes { lastTaken = now }
        let stallTimeout = services.shard.settings.stallTimeout
        deadline = now + min(services.limits.idleTimeout, stallTimeout)
        return now - lastTaken < stallTimeout
    }

    /// The server stops: what is being answered is finished.
    func shutDown() {
        isClosing = true
        if case .idle = state { closeWhenSent() }
    }

    /// Closes as soon as the client has taken what it was answered.
    private func closeWhenSent() {
        guard let context, context.bufferedBytes > 0 else { return close() }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        state = .lingering
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in this.value.close() }
    }

    func close() {
        guard let context else { return }
        context.close(mode: .all, promise: nil)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        partsCame = true
        if state.isResponding {
            pipelined.append(part)
        } else {
            receive(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came that made no part: a head has begun.
        if case .idle = state, !partsCame, !headBegan {
            headBegan = true
            deadline = min(deadline, .now() + services.limits.headTimeout)
        }
        partsCame = false
        context.fireChannelReadComplete()
    }

    private func receive(_ part: HTTPServerRequestPart) {
        switch (state, part) {
        case (.idle, .head(let head)):
            receive(head)
        case (.receiving(let request), .body(let bytes)):
            deadline = .now() + services.limits.bodyTimeout
            guard request.problem == nil else { return }
            do throws(Problem) { try request.take(bytes) } catch { refuse(error, request.head) }
        case (.receiving(let request), .end):
            answer(request)
        default:
            break
        }
    }

    private func receive(_ head: HTTPRequestHead) {
        headBegan = false
        deadline = .now() + services.limits.bodyTimeout
        hasParserStopped = head.method == .CONNECT || head.headers.contains(name: "upgrade")
        let isRefused = isExcess && services.isOverLimit
        if isRefused { isClosing = true }
        let request = services.admit(head, isExcess: isRefused)
        if let problem = request.problem {
            // A body that is not wanted is not waited for.
            if request.announcesBody { return refuse(problem, head) }
        } else if let bytes = request.announcedBytes, bytes > request.bodyLimit {
            return refuse(request.tooLarge, head)
        } else if request.expectsContinue {
            context?.writeAndFlush(wrapOutboundOut(ResponseHead.continue), promise: nil)
        }
        state = .receiving(request)
    }

    // MARK: Answering

    private func answer(_ request: IncomingRequest) {
        guard let context else { return }
        state = .responding(request.head)
        if let problem = request.problem { return respond(problem.answer) }
        switch request.route {
        case .stream, .streamOfGroups:
            openStream(request, nil, context)
        case .granted:
            let this = NIOLoopBound((handler: self, request: request), eventLoop: context.eventLoop)
            services.grant(request) { [gate = services.shard.gate] grant in
                gate.execute { this.value.handler.open(this.value.request, grant) }
            }
        case .publish(let group):
            publish(request, to: group, context)
        case .publishBatch:
            publishBatch(request, context)
        case nil:
            let this = NIOLoopBound(self, eventLoop: context.eventLoop)
            services.route(request, context.channel) { [gate = services.shard.gate] answer in
                gate.execute { this.value.respond(answer) }
            }
        }
    }

    private func publish(_ request: IncomingRequest, to group: String, _ context: ChannelHandlerContext) {
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        do throws(Problem) {
            let publish = try PublishRequest(request, group: group)
            guard publish.isStored else {
                return respond(try publish.publishUnstored(to: services.log))
            }
            let (began, counters) = (NIODeadline.now(), services.counters)
            services.log.publish(publish.draft, on: context.eventLoop) { outcome in
                if case .success = outcome { counters.countPublish(since: began) }
                this.value.respond(PublishRequest.answer(to: outcome))
            }
        } catch {
            respond(error.answer)
        }
    }

    private func publishBatch(_ request: IncomingRequest, _ context: ChannelHandlerContext) {
        do throws(Problem) { try request.batch?.finish() } catch { return respond(error.answer) }
        guard let batch = request.batch else { return }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let began = NIODeadline.now()
        batch.publish(to: services.log, on: context.eventLoop) { [counters = services.counters] answer in
            if answer.status == .created { counters.countPublish(since: began) }
            this.value.respond(answer)
        }
    }

    /// An application has answered; the connection may be gone meanwhile.
    private func open(_ request: IncomingRequest, _ grant: Result<StreamGrant, Problem>) {
        guard case .responding = state, let context else { return }
        switch grant {
        case .success(let grant): openStream(request, grant, context)
        case .failure(let problem): respond(problem.answer)
        }
    }

    private func openStream(_ request: IncomingRequest, _ grant: StreamGrant?, _ context: ChannelHandlerContext) {
        let stream: EventStream.Request
        do throws(Problem) {
            stream = try services.streamRequest(request, grant)
        } catch {
            return respond(error.answer)
        }
        guard request.head.method != .HEAD else {
            return respond(Answer(status: .ok, headers: StreamHead.fields))
        }
        guard !isClosing else { return comeBackLater(request.head, context) }
        state = .done
        services.connections.remove(self)
        let channel = context.channel
        services.takeOver(context, stream)
        // A read that was held while an earlier request was answered: the stream must hear of the client's end.
        if isReadHeld { channel.read() }
    }

    /// An answer that makes `EventSource` try again: a 503 would end it for good.
    private func comeBackLater(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        services.counters.refusedConnections.add(1)
        isClosing = true
        respond(
            Answer(
                status: .ok,
                headers: StreamHead.fields,
                body: ByteBuffer(string: "retry: \(Int.random(in: 5000...15_000))\n\n")
            )
        )
    }

    /// Answers without waiting for the rest of the request, and closes.
    private func refuse(_ problem: Problem, _ head: HTTPRequestHead?) {
        state = .responding(head ?? HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"))
        isClosing = true
        pipelined = []
        failure = nil
        respond(problem.answer, lingers: true)
    }

    private func respond(_ answer: Answer, lingers: Bool = false) {
        guard case .responding(let request) = state, let context else { return }
        // A client that closed its side, or sent garbage, still gets what it asked for before that.
        let isLast = inputIsClosed && pipelined.isEmpty && failure == nil
        let keepsAlive =
            request.isKeepAlive && !isClosing && !hasParserStopped && !isLast && answer.status != .contentTooLarge
        var bytes = services.head(of: answer, to: request, keepsAlive: keepsAlive)
        if request.method != .HEAD { bytes.writeImmutableBuffer(answer.body) }
        let isLarge = bytes.readableBytes > ConnectionServices.largeAnswer
        guard isLarge || !keepsAlive else {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            return finishRequest()
        }
        let written = context.writeAndFlush(wrapOutboundOut(bytes))
        if isLarge { services.holdsAnswer(of: bytes.readableBytes, until: written) }
        guard !keepsAlive else { return finishRequest() }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        state = .lingering
        deadline = .now() + Self.lingerTime
        if lingers, !inputIsClosed {
            let drain = InputDrain(maximumBytes: Self.lingerBytes)
            try? context.pipeline.syncOperations.addHandler(drain, position: .first)
            written.whenComplete { _ in this.value.context?.close(mode: .output, promise: nil) }
            context.read()
        } else {
            written.whenComplete { _ in this.value.close() }
        }
    }

    /// Goes on with what came while the request was being answered; then with reading.
    private func finishRequest() {
        state = .idle
        deadline = .now() + services.limits.idleTimeout
        // An answer that is given at once comes back here: the loop below goes on then, not a deeper one.
        guard !isGoingOn else { return }
        isGoingOn = true
        while !state.isResponding, let part = pipelined.popFirst() { receive(part) }
        isGoingOn = false
        switch state {
        case .idle, .receiving:
            if let failure { return refuse(failure, nil) }
            if inputIsClosed { return closeWhenSent() }
        case .responding, .lingering, .done:
            return
        }
        guard isReadHeld, let context else { return }
        isReadHeld = false
        context.read()
    }
}
