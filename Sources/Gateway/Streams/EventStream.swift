import Broker
import NIOCore

/// One event stream: the handler of a connection that was taken over. It carries out what its ``StreamCursor`` decides.
///
/// It stands at the head of the pipeline, so what it writes goes to the socket as it is, and nothing that comes from the
/// socket goes further. It has no task and no queue of its own.
final class EventStream: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the request asked for.
    struct Request {
        let feedKey: Feed.Key
        /// As the client named them.
        let groups: [GroupName]
        let start: StreamCursor.Start
        /// The id with which the client wants to go on, as it came.
        let requested: String
        /// The response head, ready to be sent with the first event.
        let head: ByteBuffer
        /// Nil for the public streams.
        let grant: StreamGrant?
    }

    private let request: Request
    private let shard: Shard
    private var cursor: StreamCursor
    fileprivate var context: ChannelHandlerContext?
    private var writer: SocketWriter?
    private var ignoredInput = 0
    private var lastWrite: NIODeadline
    /// Kept from the channel's events: asking the channel costs as much as a tenth of a delivery.
    private var isWritable = true
    private var health: PeerHealth

    // Kept by the shard and the feed.
    var number = 0
    var feed: Feed?
    var liveIndex: Int?
    /// Under which number its grant's end knows it.
    private var endNumber: Int?

    init(request: Request, shard: Shard) {
        self.request = request
        self.shard = shard
        cursor = StreamCursor(start: request.start)
        lastWrite = shard.now
        health = PeerHealth(heartbeat: shard.settings.heartbeat, stallTimeout: shard.settings.stallTimeout)
    }

    var feedKey: Feed.Key { request.feedKey }
    var isOpen: Bool { cursor.phase != .ended && context != nil }
    /// For whom the store is read.
    var client: ReadClient { context.map { ReadClient($0.channel) } ?? .current }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context)
        let isGranted = attachToEnd(context)
        shard.join(self)
        if !isGranted { end() }
    }

    /// - Returns: Whether its grant still holds.
    private func attachToEnd(_ context: ChannelHandlerContext) -> Bool {
        guard let grantEnd = request.grant?.end else { return true }
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let outside = shard.shared.outside
        endNumber = grantEnd.attach { done in
            outside.begin()
            this.eventLoop.execute {
                this.value.end()
                outside.end()
                done()
            }
        }
        return endNumber != nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        ignoredInput += unwrapInboundIn(data).readableBytes
        if ignoredInput > shard.settings.ignoredInputBytes { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that half-closes will not read on either: browsers and curl close like that when they go away.
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        shard.remove(self)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        shard.remove(self)
        self.context = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable, cursor.phase == .catchingUp { shard.proceed(self) }
    }

    private func leave() {
        if let endNumber { request.grant?.end?.detach(endNumber) }
        endNumber = nil
        if liveIndex != nil { shard.counters.liveStreams.add(-1) }
        cursor.end()
        writer = nil
        shard.leave(self)
    }

    // MARK: Live

    /// Writes batches while the socket takes them; goes on from its position where it does not.
    ///
    /// - Parameter position: Where the stream stands before the first of them.
    /// - Returns: How many messages were written.
    func deliver(_ batches: [Batch], from position: Int64) -> Int {
        guard let context else { return 0 }
        var position = position
        var messages = 0
        for (index, batch) in batches.enumerated() {
            guard isWritable else {
                let unstored = batches[index...].reduce(0) { $0 + $1.unstored }
                if unstored > 0 { shard.counters.droppedUnstored.add(unstored) }
                fallBehind(at: position)
                return messages
            }
            write(batch.buffer, context)
            position = batch.last ?? position
            messages += batch.messages
        }
        return messages
    }

    func fallBehind(at position: Int64) {
        cursor.fellBehind(at: position)
        guard liveIndex != nil else { return }
        feed?.removeLive(self)
        shard.counters.liveStreams.add(-1)
        shard.counters.fellBehind.add(1)
    }

    private func write(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        lastWrite = shard.now
        guard let rest = writer?.send(buffer, context) else { return }
        context.writeAndFlush(wrapOutboundOut(rest), promise: nil)
    }

    // MARK: Opening and catching up

    /// The position mark has been drained.
    func joined() {
        guard let feed else { return }
        act(on: cursor.joined(at: shard.position, floor: shard.floor(of: feed), epoch: shard.epoch))
    }

    func resolved(at position: Int64) {
        act(on: cursor.resolved(at: position))
    }

    func took(_ page: PageReads.Page) {
        guard isOpen else { return }
        act(on: cursor.took(removedThrough: page.removedThrough, beforeOldest: page.beforeOldest), page)
    }

    /// The page for which it waits cannot be read now.
    func readFailed() {
        act(on: cursor.readFailed())
    }

    /// A message at this position, the next one for this stream, is damaged.
    func metDamage(at sequence: Int64) {
        act(on: cursor.metDamage(at: sequence))
    }

    func proceed() {
        guard isOpen, let feed, isWritable else { return }
        act(on: cursor.proceed(shardPosition: shard.position, floor: shard.floor(of: feed)))
    }

    /// - Parameter page: The page that has come, where one has. It is written now or not at all: a stream keeps none.
    private func act(on action: StreamCursor.Action, _ page: PageReads.Page? = nil) {
        guard isOpen, let feed, let context else { return }
        switch action {
        case .open(let resumed, let reset, let thenWrite):
            open(resumed: resumed, reset: reset, oldest: oldest(of: page), context)
            if thenWrite, let page { write(page.piece, context) }
            becomeLiveOrProceed(feed)
        case .resolve(let start):
            shard.resolve(start, for: self)
        case .read(let after, let through):
            shard.readPage(for: self, after: after, through: through)
        case .readRecent(let position):
            write(shard.recentPiece(of: feed, after: position), context)
            shard.proceed(self)
        case .reset(let reason):
            let here = position(at: cursor.position)
            let reset = StreamPreamble.Reset(reason: reason, requested: request.requested, oldest: oldest(of: page))
            write(feed.key.style.frame(StreamPreamble.payload(of: reset, at: here)), context)
            shard.proceed(self)
        case .write:
            if let page { write(page.piece, context) }
            shard.proceed(self)
        case .wait:
            if cursor.phase == .live { becomeLiveOrProceed(feed) }
        }
    }

    private func becomeLiveOrProceed(_ feed: Feed) {
        guard cursor.phase == .live else { return shard.proceed(self) }
        guard liveIndex == nil else { return }
        feed.addLive(self)
        shard.counters.liveStreams.add(1)
    }

    private func open(
        resumed: Bool,
        reset: StreamPreamble.ResetReason?,
        oldest: MessageID?,
        _ context: ChannelHandlerContext
    ) {
        let position = position(at: cursor.position)
        let preamble = StreamPreamble(
            groups: request.groups,
            position: position,
            resumed: resumed,
            reset: reset.map {
                StreamPreamble.Reset(reason: $0, requested: request.requested, oldest: $0 == .expired ? oldest : nil)
            }
        )
        var first = request.head
        let payload = preamble.payload(retryMilliseconds: .random(in: shard.settings.retryMilliseconds))
        first.writeImmutableBuffer(feedKey.style.frame(payload))
        write(first, context)
    }

    /// The oldest message that is still stored, if there is one.
    private func oldest(of page: PageReads.Page?) -> MessageID? {
        page?.oldest.map { position(at: $0) }
    }

    private func position(at sequence: Int64) -> MessageID {
        MessageID(epoch: shard.epoch, sequence: sequence)
    }

    private func write(_ piece: Feed.Piece, _ context: ChannelHandlerContext) {
        for batch in piece.batches {
            write(batch.buffer, context)
            shard.counters.deliveries.add(batch.messages)
            shard.counters.batches.add(1)
            shard.counters.deliveredBytes.add(batch.buffer.readableBytes)
        }
        cursor.wrote(upTo: piece.end)
    }

    // MARK: Time

    /// About four times per heartbeat: says something where nothing was said, and closes who is gone, who reads
    /// nothing, and who pins too much.
    ///
    /// - Parameter mayPin: What this stream may hold, given what all of the loop's streams hold.
    /// One that has ended has a bounded time until its client has taken the rest, which is not much: its connection and
    /// what waits for it would else last as long as the client acknowledges.
    ///
    /// - Returns: How many bytes wait for the socket.
    func look(_ now: NIODeadline, mayPin: Int) -> Int {
        guard let context else { return 0 }
        if isOpen, let grant = request.grant, !grant.isValid() { end() }
        let verdict = health.check(
            now,
            waitingBytes: context.bufferedBytes,
            mayPin: mayPin,
            peer: { context.peerIsSilent }
        )
        switch verdict {
        case .fine(let waiting) where !isOpen:
            // Nothing was written after its end.
            guard now - lastWrite > shard.settings.endTimeout else { return waiting }
            shard.counters.stalled.add(1)
        case .fine(let waiting):
            if waiting == 0, !cursor.isOpening, now - lastWrite >= shard.settings.silence {
                write(feedKey.style.frame(ByteBuffer(string: ":\n\n")), context)
            }
            return waiting
        case .gone: shard.counters.gonePeers.add(1)
        case .stalled: shard.counters.stalled.add(1)
        case .pinsTooMuch: shard.counters.pinnedTooMuch.add(1)
        }
        context.close(mode: .all, promise: nil)
        return 0
    }

    /// Ends the stream as a whole body, with a time after which the client may come back.
    func end() {
        guard isOpen, let context else { return }
        let last = request.endOfBody(
            retryMilliseconds: .random(in: shard.settings.retryMilliseconds),
            isOpening: cursor.isOpening
        )
        leave()
        lastWrite = shard.now
        context.writeAndFlush(wrapOutboundOut(last)).assumeIsolated().whenComplete { _ in
            context.close(mode: .all, promise: nil)
        }
    }
}

extension EventStream {
    /// Closes the connection, whatever the client has taken.
    func close() {
        context?.close(mode: .all, promise: nil)
    }
}

extension EventStream.Request {
    /// The end of the body; with the head before it where the stream has not begun.
    fileprivate func endOfBody(retryMilliseconds: Int, isOpening: Bool) -> ByteBuffer {
        var buffer = isOpening ? head : ByteBuffer()
        buffer.writeImmutableBuffer(
            feedKey.style.frame(ByteBuffer(string: "retry: \(retryMilliseconds)\n\n"))
        )
        if feedKey.style.isChunked { buffer.writeImmutableBuffer(EventEncoder.lastChunk) }
        return buffer
    }
}
