import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Connections that become WebSockets.
extension ConnectionHandler {
    /// `GET /socket`, or the address of a stream: then that is the socket's first subscription.
    ///
    /// - Parameter grant: What an application does with its own.
    func openSocket(_ request: IncomingRequest, _ context: ChannelHandlerContext, _ grant: SocketGrant? = nil) {
        var handshake: SocketHandshake
        var stream: Subscriber.Request?
        do throws(Problem) {
            if grant != nil {
                // The query is the application's.
            } else if case .socket = request.route {
                try QueryParameters.none.check(try request.target.fields())
            } else {
                let asked = try Subscriber.Request(
                    request,
                    limits: services.limits,
                    framing: .webSocket,
                    now: services.shard.settings.wallClock()
                )
                stream = asked.withoutEnd
            }
            handshake = try SocketHandshake(request.head)
        } catch {
            return respond(error.answer)
        }
        // Its side is closed already: as a WebSocket it would never hear of that.
        guard !loop.inputIsClosed else { return close() }
        let shared = services.shard.shared
        let place = shared.strangers.streamSeat(for: request.principal)
        let hasPatterns = stream?.takePatterns(shared.patterns) ?? true
        let rejection = excess ?? (place.isFree ? hasPatterns ? nil : .connections : .user)
        let origin = StreamOrigin(
            user: grant?.user ?? request.principal.token?.user,
            info: grant == nil ? request.principal.token?.info : nil,
            client: shared.strangers.proxies.client(request.head.headers, peer: arrival.peer),
            since: services.shard.settings.wallClock()
        )
        let socket = SocketHandler(
            services: services,
            principal: request.principal,
            origin: origin,
            publisher: shared.strangers.publisher(request.principal, request.head.headers, arrival.peer),
            seat: rejection == nil ? place.seat : nil,
            wire: wire,
            transport: arrival.isSecure ? .webSocketTLS : .webSocket
        )
        if let grant {
            handshake.offersSubprotocol = false
            socket.session = SocketSession(grant, request, logger: services.logger)
        }
        let mark = mark ?? RequestMark(id: services.makeID(), began: .now())
        var head = handshake.head(date: services.heads.date)
        head.add(mark.id)
        mark.span?.end(.switchingProtocols)
        if services.requestLog.hasRequests {
            services.requestLog.answered(subject(request.head, mark), .switchingProtocols, bytes: 0)
        }
        self.mark = nil
        guard upgrade(to: socket, &head, context) else { return close() }
        if let rejection {
            services.counters.refusedConnections.add(1)
            services.counters.rejections.add(1, rejection)
            socket.comeBackLater()
        } else if loop.isEnding {
            // The server stops.
            socket.goAway()
        } else if var stream {
            stream.origin = origin
            socket.begin("", stream)
        }
        socket.session?.begin(on: socket)
        // A read that was held while the request was answered.
        socket.context?.read()
    }

    /// An application has answered; the connection may be gone meanwhile.
    func open(_ request: IncomingRequest, _ grant: Result<SocketGrant, Problem>) {
        guard loop.beingAnswered != nil, let context else { return }
        switch grant {
        case .success(let grant): openSocket(request, context, grant)
        case .failure(let problem): respond(problem.answer)
        }
    }

    /// The connection speaks another protocol from now on: what read requests leaves.
    private func upgrade(
        to socket: SocketHandler,
        _ head: inout ResponseHead,
        _ context: ChannelHandlerContext
    ) -> Bool {
        guard let bottom else { return false }
        let pipeline = context.pipeline.syncOperations
        do {
            let decoder = try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
            loop.closed()
            socket.switchProtocols(&head, context)
            // A handler that is added to a closed channel would never hear of its end.
            guard context.channel.isActive else { return false }
            wire.detach()
            try pipeline.addHandler(socket, position: .after(self))
            pipeline.removeHandler(context: decoder).cascade(to: nil)
            pipeline.removeHandler(bottom).cascade(to: nil)
            pipeline.removeHandler(context: context).cascade(to: nil)
            return true
        } catch {
            return false
        }
    }
}

extension Subscriber.Request {
    /// The same, for a connection that ends with the token itself.
    fileprivate var withoutEnd: Subscriber.Request {
        var grant = grant
        (grant.expiresAt, grant.end) = (nil, nil)
        var request = Subscriber.Request(
            feedKey: feedKey,
            start: start,
            requested: requested,
            grant: grant,
            origin: origin
        )
        request.showsPresence = showsPresence
        return request
    }
}
