import HTTPTypes
import NIOCore
import NIOHTTP1

/// Responses whose bodies routes make while they are sent.
extension ConnectionHandler {
    /// A route has answered; the connection may be gone meanwhile.
    func take(_ response: RoutedResponse) {
        switch response {
        case .whole(let answer):
            (reading, routing) = (nil, nil)
            respond(answer)
        case .streamed(let head, let pipe):
            stream(head, pipe)
        }
    }

    private func stream(_ response: StreamedHead, _ pipe: ResponsePipe) {
        guard let request = loop.beingAnswered, let context else {
            routing?.cancel()
            return pipe.close()
        }
        // Whoever asked for it: nobody else takes it.
        reading = routing
        let mark = mark ?? RequestMark(id: services.makeID(), began: .now())
        let framing = response.length == nil ? wire.framing : .plain
        var ending = loop.ending(after: response.status)
        // The end of the connection is the only end that such a body has.
        if response.length == nil, wire.version == .http1_0, ending == .goesOn { ending = .closes }
        if ending == .lingers, wire.version == .http2 { ending = .closes }
        let head = services.heads.head(
            of: response,
            to: request,
            mark.id,
            on: wire,
            framing: framing,
            keepsAlive: ending == .goesOn
        )
        if services.requestLog.hasRequests {
            services.requestLog.answered(subject(request, mark), response.status, bytes: 0)
        }
        mark.span?.end(response.status)
        self.mark?.span = nil
        if ending == .lingers { drainInput() }
        streamed = StreamedResponse(response, pipe, framing: framing, ending: ending, on: self)
        wire.beginStream(head)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        pipe.begin { [eventLoop = context.eventLoop] in eventLoop.execute { this.value.drain(pipe) } }
        // As with event streams: browsers and curl close like that when they go away.
        guard !loop.inputIsClosed else { return close() }
        drain(pipe)
    }

    /// Writes what has been made, as far as the client takes it.
    func drain(_ pipe: ResponsePipe) {
        guard let streamed, streamed.pipe === pipe, !streamed.isEnding else { return }
        guard wire.hasPendingHead || isWritable else { return pipe.wrote(isWritable: false) }
        let load = pipe.take()
        switch load.end {
        case nil:
            // The head goes at once, whenever the first part comes.
            if load.bytes.readableBytes > 0 || wire.hasPendingHead { send(streamed.frame(load.bytes)) }
            pipe.wrote(isWritable: isWritable)
        case .finished?:
            finish(streamed, load.bytes)
        case .failed?:
            if load.bytes.readableBytes > 0 || wire.hasPendingHead { send(streamed.frame(load.bytes)) }
            breakOff(streamed)
        }
    }

    private func finish(_ streamed: StreamedResponse, _ last: ByteBuffer) {
        guard let context else { return }
        let ending = streamed.ending == .goesOn ? loop.ending(after: streamed.status) : streamed.ending
        let stops = ending == .closes && loop.isRefusal && wire.version == .http2
        streamed.pipe.wrote(isWritable: true)
        endStreamed()
        (reading, routing) = (nil, nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        let head = wire.takeHead()
        sender.finish(streamed.frame(last), after: head, framing: streamed.framing, context, written)
        conclude(ending, stops: stops, written, context)
    }

    /// The client is to see that it is not whole (RFC 9112 §8): there is no last chunk, or less than was announced. Over HTTP/1.0
    /// a body without a length cannot say so.
    private func breakOff(_ streamed: StreamedResponse) {
        guard let context else { return }
        streamed.failed()
        if wire.version == .http2 { sender.breakOff(context) } else { closeWhenSent() }
    }

    /// Nothing more of it is written.
    func endStreamed() {
        guard let streamed else { return }
        self.streamed = nil
        streamed.leave()
        if let mark, services.requestLog.hasRequests { services.requestLog.streamEnded(subject(nil, mark)) }
        mark = nil
    }

    /// The client has closed its side.
    func endResponse() {
        if streamed != nil { close() }
    }
}
