import Broker
import NIOCore
import NIOHTTP1

/// A connection that has become a WebSocket: takes frames in, and writes answers and messages.
///
/// What its frames ask for is in `SocketHandler+Requests.swift`; ``FrameProtocol`` decides what the frames themselves are.
/// Messages are written as those of streams are, past this handler's own pace: a slow client is behind in the log, and has no
/// queue. What it asks for waits while it does not read: nothing more is read from it.
final class SocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    /// Nothing stands above that would write.
    typealias OutboundIn = Never

    let services: ConnectionServices
    let principal: Principal
    let origin: StreamOrigin
    /// Whose rate its publishes count for.
    let publisher: Strangers.Publisher
    private let transport: Transport
    private var seat: Seat?
    private(set) var context: ChannelHandlerContext?
    private(set) var wire: Wire
    /// A copy to write with: writing may end the connection, and changes the wire then.
    private var sender: Wire { wire }
    private var frames: FrameProtocol
    var subscriptions: [String: SocketSubscription] = [:]
    /// What they follow.
    var topics = SocketTopics()
    /// Which of the subscriptions has the first turn when the socket takes bytes again.
    private var turn = 0
    /// Takes the messages, on an application's path; nil where clients subscribe and publish.
    var session: SocketSession?
    /// Frames of answers that go out together.
    private var answers = ByteBuffer()
    private var isFlushScheduled = false
    /// Publishes without an answer.
    var unanswered = 0
    /// Whether a large frame is being read elsewhere: those behind it wait, so that all are taken in their order.
    var isParsing = false
    private var isProceeding = false
    /// Whether the connection is closed, and all that it held was given back: what was on its way here must begin nothing.
    private var hasLeft = false
    private var isReadHeld = false
    private(set) var isWritable = true
    private var inputIsClosed = false
    /// Bytes that came after the end, and were dropped.
    private var drained = 0
    /// By which the shard knows it.
    private(set) var number = 0
    private var tokenEnd: TokenEnd?
    private var memory: SocketMemory
    var pace: MessagePace
    var health: PeerHealth
    var lastPing: NIODeadline
    private(set) var lastWrite: NIODeadline

    /// - Parameter seat: Of its user; held for as long as it lives.
    init(
        services: ConnectionServices,
        principal: Principal,
        origin: StreamOrigin,
        publisher: Strangers.Publisher,
        seat: Seat?,
        wire: Wire,
        transport: Transport
    ) {
        self.transport = transport
        (self.services, self.principal, self.origin, self.publisher) = (services, principal, origin, publisher)
        (self.seat, self.wire) = (seat, wire)
        frames = FrameProtocol(maximumMessageBytes: services.limits.bodyBytes)
        memory = SocketMemory(of: services.shard.shared.bodies)
        pace = MessagePace(services.limits.loop)
        let settings = services.shard.settings
        health = PeerHealth(heartbeat: settings.heartbeat, stallTimeout: settings.stallTimeout)
        (lastPing, lastWrite) = (services.shard.now, services.shard.now)
    }

    var shard: Shard { services.shard }
    var hasEnded: Bool { frames.hasEnded }
    /// Neither side has ended it.
    var isOpen: Bool { !hasEnded && !hasLeft }
    var waitingBytes: Int { context.map { wire.waitingBytes($0) } ?? 0 }

    // MARK: The connection

    /// Answers the handshake, as the last thing that the handler of requests writes.
    func switchProtocols(_ head: inout ResponseHead, _ context: ChannelHandlerContext) {
        wire.switchProtocols(&head, context)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isWritable = context.channel.isWritable
        number = shard.insert(self)
        shard.counters.transports.add(1, transport)
        // An application's session ends by what the application says.
        guard session == nil, let token = principal.token else { return }
        tokenEnd = TokenEnd(of: token, on: shard) { [weak self] in
            self?.close(.policyViolation, "the token has ended")
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        shard.counters.transports.add(-1, transport)
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        wire.detach()
        endSubscriptions()
        seat = nil
        shard.remove(socket: number)
        tokenEnd?.cancel()
        tokenEnd = nil
        memory.giveBack()
    }

    private func endSubscriptions() {
        session?.socketEnded()
        let ended = subscriptions
        subscriptions = [:]
        topics = SocketTopics()
        for subscription in ended.values { subscription.end() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        inputIsClosed = true
        // One that has closed its side properly may still be reading what ends this side.
        if !hasEnded || wire.waitingBytes(context) == 0 { close() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What came right behind the handshake, which the decoder of HTTP has kept.
        if case .leftoverDataWhenDone(let bytes)? = error as? ByteToMessageDecoderError { return receive(bytes) }
        close()
    }

    /// Closes at once.
    func close() {
        context?.close(mode: .all, promise: nil)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(unwrapInboundIn(data))
    }

    private func receive(_ bytes: ByteBuffer) {
        guard !hasEnded else {
            drained += bytes.readableBytes
            if drained > Self.drainBytes { close() }
            return
        }
        frames.received(bytes)
        proceed()
    }

    /// What a client may still send after its end.
    private static let drainBytes = 16 << 20

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { isReadHeld = true }
    }

    var mayRead: Bool {
        if let session, !session.takesMessages { return hasEnded }
        return hasEnded || (isWritable && !isParsing && unanswered < services.limits.unansweredPublishes)
    }

    /// Takes what has come, as far as it may.
    func proceed() {
        // An answer that is there at once comes back here: the loop below goes on then, not a deeper one.
        guard !isProceeding, !hasLeft else { return }
        isProceeding = true
        while !hasLeft, mayRead, let action = frames.next() { perform(action) }
        isProceeding = false
        guard !hasLeft else { return }
        guard memory.hold(frames.memoryBytes + (session?.heldBytes ?? 0)) else { return comeBackLater() }
        pace.note(heldBytes: frames.heldBytes, messages: frames.messages)
        flush()
        if isReadHeld, mayRead {
            isReadHeld = false
            context?.read()
        }
    }

    private func perform(_ action: FrameProtocol.Action) {
        switch action {
        case .take(let text, _): take(text)
        case .send(let frame): answer(frame)
        case .finish(let last, let fault):
            if fault != nil { shard.counters.socketFaults.add(1) }
            finish(last)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        tellSubscriptions()
        session?.writabilityChanged(isWritable)
        if isWritable { proceed() }
        context.fireChannelWritabilityChanged()
    }

    /// One page may fill the socket: each subscription is the first in its turn, so that none waits for all of another's.
    private func tellSubscriptions() {
        let all = subscriptions.sorted { $0.key < $1.key }.map(\.value)
        if isWritable, !all.isEmpty { turn = (turn + 1) % all.count }
        for index in all.indices { all[(index + turn) % all.count].writabilityChanged(isWritable) }
    }

    // MARK: Writing

    /// Frames of messages; what was answered before goes before them.
    func send(_ frame: ByteBuffer) {
        guard !hasEnded else { return }
        flush()
        write(frame)
    }

    /// Writes an answer soon, together with others.
    func answer(_ frame: ByteBuffer) {
        guard !hasEnded else { return }
        answers.writeImmutableBuffer(frame)
        if answers.readableBytes > Self.answerBytes { return flush() }
        guard !isProceeding, !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            this.value.isFlushScheduled = false
            // Publishes were answered, too: there may be room for others.
            this.value.proceed()
        }
    }

    private static let answerBytes = 32 << 10

    private func flush() {
        guard answers.readableBytes > 0 else { return }
        let bytes = answers
        answers = ByteBuffer()
        write(bytes)
    }

    private func write(_ bytes: ByteBuffer) {
        lastWrite = shard.now
        guard let context, let rest = wire.sendToSocket(bytes, context) else { return }
        sender.send(rest, after: nil, context)
    }

    // MARK: The end

    /// The server stops, or an operator ends it: the client may come back.
    func goAway() { close(.goingAway, retry(shard.settings.retryMilliseconds)) }

    /// Too much of something is there.
    func comeBackLater() { close(.tryAgainLater, retry(5000...15_000)) }

    private func retry(_ range: ClosedRange<Int>) -> String { "retry=\(shard.settings.random(range))" }

    func close(_ code: CloseCode, _ reason: String) {
        guard !hasEnded else { return }
        // Before the last frame, as long as others may be written.
        flush()
        if let last = frames.close(code, reason) { finish(last) }
    }

    /// Nothing follows the last frame. The client closes its side when it has it; whoever does not is not waited for.
    private func finish(_ last: ByteBuffer) {
        endSubscriptions()
        flush()
        guard let context else { return }
        write(last)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        sender.whenSent(context) { this.value.closeOutput() }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    private func closeOutput() {
        guard let context, context.channel.isActive else { return }
        guard !inputIsClosed else { return close() }
        context.close(mode: .output, promise: nil)
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.closeTime) { this.value.close() }
    }

    /// For the client's side of the end, once it has ours.
    private static let closeTime = TimeAmount.seconds(1)
}
