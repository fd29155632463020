import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Requests and their answers.
extension ConnectionHandler {
    func answer(_ request: IncomingRequest) {
        guard let context else { return }
        if let problem = request.problem { return refuse(request, problem) }
        // Its body may have taken hours.
        do throws(Problem) { try request.principal.checkTime(services.shard.settings.wallClock()) } catch {
            return respond(error.answer)
        }
        switch request.route {
        case .stream, .streamOfGroups:
            if SocketHandshake.isAsked(request.head) {
                openSocket(request, context)
            } else {
                openStream(request, nil, context)
            }
        case .socket:
            openSocket(request, context)
        case .accepted:
            let this = NIOLoopBound((handler: self, request: request), eventLoop: context.eventLoop)
            reading = services.router.accept(request, context.channel) { grant in
                this.eventLoop.execute {
                    this.value.handler.reading = nil
                    this.value.handler.open(this.value.request, grant)
                }
            }
        case .granted:
            let this = NIOLoopBound((handler: self, request: request), eventLoop: context.eventLoop)
            reading = services.router.grant(request, context.channel) { grant in
                this.eventLoop.execute {
                    this.value.handler.reading = nil
                    this.value.handler.open(this.value.request, grant)
                }
            }
        case .poll:
            poll(request)
        case .publish(let group):
            publish(request, to: group, context)
        case .publishBatch:
            publishBatch(request, context)
        case .wholeServer:
            respond(AccessPolicy.optionsOfServer)
        case nil:
            route(request, context)
        }
    }

    private func refuse(_ request: IncomingRequest, _ problem: Problem) {
        // The token may count: `EventSource` would never come back from a 429.
        guard problem.rejection == .guesses, request.route?.isStream ?? false, request.head.method == .GET,
            !SocketHandshake.isAsked(request.head), request.route != .socket
        else { return respond(problem.answer) }
        comeBackLater(request, "too many tokens that do not count came from this address (--bad-token-rate)", .guesses)
    }

    private func route(_ request: IncomingRequest, _ context: ChannelHandlerContext) {
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        if let excess, request.mayBeEventStream {
            return comeBackLater(request, services.admission.reasonToWait, excess)
        }
        let isTrusted = services.admission.isFromTrustedPage(request, arrival)
        let work = services.router.route(request, context.channel, isFromTrustedPage: isTrusted) { response in
            this.eventLoop.execute { this.value.take(response) }
        }
        routing = work
        // Others change something, and are finished in any case.
        if [.GET, .HEAD].contains(request.head.method) { reading = work }
    }

    /// Refuses a request that is not waited for to its end.
    func refuse(_ problem: Problem, _ request: IncomingRequest?) {
        // What the router does not have, or does not allow, is told before what is wrong with the rest.
        guard let context, let request, request.route == nil, request.problem == nil else {
            return respond(problem.answer)
        }
        request.laterProblem = problem
        route(request, context)
    }

    private func publish(_ request: IncomingRequest, to group: String, _ context: ChannelHandlerContext) {
        let began = NIODeadline.now()
        let input = PublishRequest.Input(request, group: group)
        guard input.takesLong else {
            do throws(Problem) { return publish(try PublishRequest(input), began, context) } catch {
                return respond(error.answer)
            }
        }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        services.shard.shared.outside.parse {
            let publish = Result { () throws(Problem) in try PublishRequest(input) }
            this.eventLoop.execute {
                guard let context = this.value.context else { return }
                switch publish {
                case .success(let publish): this.value.publish(publish, began, context)
                case .failure(let problem): this.value.respond(problem.answer)
                }
            }
        }
    }

    /// - Parameter began: When the request was whole.
    private func publish(_ publish: PublishRequest, _ began: NIODeadline, _ context: ChannelHandlerContext) {
        guard publish.isStored else {
            do throws(Problem) { return respond(try publish.publishUnstored(to: services.log)) } catch {
                return respond(error.answer)
            }
        }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let (counters, outside) = (services.counters, services.shard.shared.outside)
        let commit = mark?.span?.beginCommit(messages: 1)
        outside.begin()
        services.log.publish(publish.draft, on: context.eventLoop) { outcome in
            outside.end()
            commit?.end(outcome)
            if case .success = outcome { counters.countPublish(since: began) }
            this.value.respond(PublishRequest.answer(to: outcome))
        }
    }

    private func publishBatch(_ request: IncomingRequest, _ context: ChannelHandlerContext) {
        let began = NIODeadline.now()
        do throws(Problem) {
            try request.batch?.finish()
            guard let batch = request.batch else { return }
            if !batch.takesLong { return publish(batch, try batch.drafts(), request, began, context) }
            let this = NIOLoopBound((handler: self, request: request), eventLoop: context.eventLoop)
            services.shard.shared.outside.parse {
                let drafts = Result { () throws(Problem) in try batch.drafts() }
                this.eventLoop.execute {
                    // The request holds its share of the memory until now.
                    let (handler, request) = this.value
                    guard let context = handler.context else { return }
                    switch drafts {
                    case .success(let drafts): handler.publish(batch, drafts, request, began, context)
                    case .failure(let problem): handler.respond(problem.answer)
                    }
                }
            }
        } catch {
            respond(error.answer)
        }
    }

    private func publish(
        _ batch: PublishBatch,
        _ drafts: [MessageDraft],
        _ request: IncomingRequest,
        _ began: NIODeadline,
        _ context: ChannelHandlerContext
    ) {
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        services.shard.shared.strangers.countBatch(
            drafts.count,
            by: request.principal,
            request.head.headers,
            from: arrival.peer,
            now: began
        )
        let (counters, outside) = (services.counters, services.shard.shared.outside)
        let trace = TraceContext(request.head.headers)
        var drafts = drafts
        if let trace { for index in drafts.indices { drafts[index].trace = trace } }
        let commit = mark?.span?.beginCommit(messages: drafts.count)
        outside.begin()
        batch.publish(drafts, to: services.log, on: context.eventLoop) { answer in
            outside.end()
            commit?.end(isStored: answer.status == .created)
            if answer.status == .created { counters.countPublish(since: began) }
            this.value.respond(answer)
        }
    }

    func respond(_ answer: Answer) {
        guard let request = loop.beingAnswered, let context else { return }
        // What is no request has none.
        let mark = mark ?? RequestMark(id: services.makeID(), began: .now())
        note(answer, to: request, mark)
        var ending = loop.ending(after: answer.status)
        // A stream of HTTP/2 need not linger: it tells the client to stop sending.
        let stops = ending == .lingers && wire.version == .http2
        if stops { ending = .closes }
        var head = services.heads.head(of: answer, to: request, mark.id, on: wire, keepsAlive: ending == .goesOn)
        let body = request.method == .HEAD ? nil : answer.body
        let written = answer.held == nil && ending == .goesOn ? nil : context.eventLoop.makePromise(of: Void.self)
        if let held = answer.held { written?.futureResult.whenComplete { _ in withExtendedLifetime(held) {} } }
        if ending == .lingers { drainInput() }
        sender.write(&head, body, context, written)
        conclude(ending, stops: stops, written, context)
    }

    /// A response is written: goes on, or ends the connection.
    ///
    /// - Parameters:
    ///   - stops: Whether a client of HTTP/2 is told to stop sending.
    ///   - written: Kept when the client has taken it; there unless the connection goes on.
    func conclude(
        _ ending: RequestLoop.Ending,
        stops: Bool,
        _ written: EventLoopPromise<Void>?,
        _ context: ChannelHandlerContext
    ) {
        let isFull = ending == .goesOn && wire.waitingBytes(context) > Self.unreadBytes
        loop.answered(ending, isFull: isFull, now: .now())
        self.mark = nil
        let isolated = written?.futureResult.assumeIsolated()
        switch ending {
        case .goesOn:
            if isFull { sender.whenSent(context) { [self] in hasTakenAnswers() } }
            goOn()
        case .closes:
            isolated?.whenComplete { [self] _ in
                if stops, let context = self.context { wire.stopRequest(context) }
                close()
            }
        case .lingers:
            isolated?.whenComplete { [self] _ in closeOutputSoon() }
            context.read()
        }
    }

    /// The next request waits while the client has not taken so many bytes of its answers.
    private static let unreadBytes = 64 << 10

    private func hasTakenAnswers() {
        // Also called when it never will: the channel is about to say that it is closed.
        guard context?.channel.isActive == true else { return }
        loop.becameWritable()
        goOn()
    }

    private func closeOutputSoon() {
        guard let context else { return }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: RequestLoop.outputTime) {
            this.value.context?.close(mode: .output, promise: nil)
        }
    }

    /// Reads and drops the rest of the client's input.
    func drainInput() {
        guard let bottom, let context else { return }
        let drain = InputDrain(maximumBytes: RequestLoop.lingerBytes)
        try? context.pipeline.syncOperations.addHandler(drain, position: .before(bottom))
    }
}
