import Broker
import NIOCore

/// A client that follows groups: a cursor in the log, a place in a feed, the health of its client. It carries out what its
/// ``StreamCursor`` decides, and knows nothing of how its connection works. It has no task and no queue of its own.
class Subscriber {
    final let request: Request
    final let shard: Shard
    final var cursor: StreamCursor
    /// Nil before it begins, and when it is closed.
    private(set) final var connection: (any SubscriberConnection)?
    private var lastWrite: NIODeadline
    /// Kept from the channel's events: asking the channel costs as much as a tenth of a delivery.
    private var isWritable = true
    private var health: PeerHealth

    /// By which the shard knows it.
    private(set) var number = 0
    /// Nil before it has joined, and after it has left.
    private(set) var feed: Feed?
    /// Its place among the feed's live ones.
    private(set) var liveIndex: Int?
    /// Under which number its grant's end knows it.
    final var endNumber: Int?
    /// Ends it when its grant does.
    final var expiry: Scheduled<Void>?

    init(request: Request, shard: Shard) {
        self.request = request
        self.shard = shard
        cursor = StreamCursor(start: request.start)
        lastWrite = shard.now
        health = PeerHealth(heartbeat: shard.settings.heartbeat, stallTimeout: shard.settings.stallTimeout)
    }

    final var feedKey: Feed.Key { request.feedKey }
    /// In which clothes it comes.
    var transport: OpenStream.Transport { feedKey.style.transport }
    /// Whether it counts as a subscriber of its groups.
    var isListener: Bool { true }
    final var isOpen: Bool { cursor.phase != .ended && connection != nil }
    /// For whom the store is read.
    final var client: ReadClient { connection?.client ?? .current }

    // MARK: The connection

    /// Joins the shard. Bytes may be written before this returns.
    func begin(on connection: any SubscriberConnection) {
        self.connection = connection
        isWritable = connection.isWritable
        let isGranted = attachToEnd()
        shard.join(self)
        if !isGranted { end() }
    }

    /// The connection is closed.
    func connectionClosed() {
        guard connection != nil else { return }
        leave()
        shard.remove(self)
        connection = nil
    }

    final func writabilityChanged(_ isWritable: Bool) {
        self.isWritable = isWritable
        if isWritable { showPresence() }
        if isWritable, cursor.phase == .catchingUp { shard.proceed(self) }
    }

    private func leave() {
        if let endNumber { request.grant.end?.detach(endNumber) }
        endNumber = nil
        expiry?.cancel()
        expiry = nil
        if liveIndex != nil { shard.counters.liveStreams.add(-1) }
        cursor.end()
        shard.leave(self)
    }

    // MARK: Its place, as the shard and the feed give it

    final func joined(_ feed: Feed, number: Int) {
        (self.feed, self.number) = (feed, number)
    }

    final func left() {
        feed = nil
    }

    final func placed(at index: Int?) {
        liveIndex = index
    }

    // MARK: Live

    /// Writes batches while the socket takes them; goes on from its position where it does not.
    ///
    /// - Parameter position: Where the stream stands before the first of them.
    /// - Returns: How many messages were written.
    func deliver(_ batches: [Batch], from position: Int64) -> Int {
        guard connection != nil else { return 0 }
        var position = position
        var messages = 0
        for (index, batch) in batches.enumerated() {
            guard isWritable else {
                let unstored = batches[index...].reduce(0) { $0 + $1.unstored }
                if unstored > 0 { shard.counters.droppedUnstored.add(unstored) }
                fallBehind(at: position)
                return messages
            }
            write(batch.buffer)
            position = batch.last ?? position
            messages += batch.messages
        }
        return messages
    }

    final func fallBehind(at position: Int64) {
        cursor.fellBehind(at: position)
        guard liveIndex != nil else { return }
        feed?.removeLive(self)
        shard.counters.liveStreams.add(-1)
        note(.fellBehind)
    }

    private func write(_ frame: ByteBuffer) {
        lastWrite = shard.now
        connection?.send(frame)
    }

    // MARK: Opening and catching up

    /// The position mark has been drained.
    final func joined() {
        guard let feed else { return }
        act(on: cursor.joined(at: shard.position, floor: shard.floor(of: feed), epochs: shard.epochs))
    }

    final func resolved(at position: Int64) {
        act(on: cursor.resolved(at: position))
    }

    final func took(_ page: PageReads.Page) {
        guard isOpen else { return }
        act(on: cursor.took(removedThrough: page.removedThrough, beforeOldest: page.beforeOldest), page)
    }

    /// The page for which it waits cannot be read now.
    final func readFailed() {
        act(on: cursor.readFailed())
    }

    /// A message at this position, the next one for this stream, is damaged.
    final func metDamage(at sequence: Int64) {
        act(on: cursor.metDamage(at: sequence))
    }

    final func proceed() {
        guard isOpen, let feed, isWritable else { return }
        act(on: cursor.proceed(shardPosition: shard.position, floor: shard.floor(of: feed)))
    }

    /// - Parameter page: The page that has come, where one has. It is written now or not at all: a stream keeps none. Where the
    ///   socket has filled up while it was read, the cursor stays, and it is read again.
    func act(on action: StreamCursor.Action, _ page: PageReads.Page? = nil) {
        guard isOpen, let feed else { return }
        switch action {
        case .open(let resumed, let reset, let thenWrite):
            open(resumed: resumed, reset: reset, oldest: oldest(of: page))
            if thenWrite, isWritable, let page { write(page.piece) }
            becomeLiveOrProceed(feed)
        case .resolve(let start):
            shard.resolve(start, for: self)
        case .read(let after, let through):
            shard.readPage(for: self, after: after, through: through)
        case .readRecent(let position):
            write(shard.recentPiece(of: feed, after: position))
            shard.proceed(self)
        case .reset(let reason):
            let here = shard.epochs.id(cursor.position)
            shard.counters.resets.add(1, reason)
            let reset = StreamPreamble.Reset(reason: reason, requested: request.requested, oldest: oldest(of: page))
            let own = connection?.frame(of: reset, at: here)
            write(own ?? feed.key.style.frame(StreamPreamble.payload(of: reset, at: here, as: feed.key.style.format)))
            shard.proceed(self)
        case .write:
            if isWritable, let page { write(page.piece) }
            shard.proceed(self)
        case .wait:
            if cursor.phase == .live { becomeLiveOrProceed(feed) }
        }
    }

    private func becomeLiveOrProceed(_ feed: Feed) {
        guard cursor.phase == .live else { return shard.proceed(self) }
        becomeLive()
    }

    final func becomeLive() {
        guard let feed, liveIndex == nil else { return }
        feed.addLive(self)
        shard.counters.liveStreams.add(1)
        showPresence()
    }

    /// Nothing of it is caught up with: whoever goes on from elsewhere is told anew.
    private func showPresence() {
        if request.showsPresence, liveIndex != nil { shard.presence.showState(to: self) }
    }

    /// Writes what is only for those who are live, where the socket takes it.
    ///
    /// - Returns: Whether it was written.
    final func writeLive(_ frame: (any SubscriberConnection) -> ByteBuffer) -> Bool {
        guard isOpen, liveIndex != nil, isWritable, let connection else { return false }
        write(frame(connection))
        return true
    }

    private func open(resumed: Bool, reset: StreamPreamble.ResetReason?, oldest: MessageID?) {
        if let reset { shard.counters.resets.add(1, reset) }
        let preamble = StreamPreamble(
            groups: request.grant.groups,
            patterns: request.grant.patterns,
            position: shard.epochs.id(cursor.position),
            resumed: resumed,
            reset: reset.map {
                StreamPreamble.Reset(reason: $0, requested: request.requested, oldest: $0 == .expired ? oldest : nil)
            }
        )
        if let own = connection?.opening(preamble) { return write(own) }
        let retry = shard.settings.random(shard.settings.retryMilliseconds)
        write(feedKey.style.frame(preamble.payload(retryMilliseconds: retry, as: feedKey.style.format)))
    }

    /// The oldest message that is still stored, if there is one.
    final func oldest(of page: PageReads.Page?) -> MessageID? {
        page?.oldest.map { shard.epochs.id($0) }
    }

    private func write(_ piece: Feed.Piece) {
        for batch in piece.batches {
            write(batch.buffer)
            shard.counters.deliveries.add(batch.messages)
            shard.counters.batches.add(1)
            shard.counters.deliveredBytes.add(batch.buffer.readableBytes)
        }
        cursor.wrote(upTo: piece.end)
    }

    // MARK: Time

    /// Called about four times per heartbeat. Writes a heartbeat to a silent stream. Closes a stream whose client is gone,
    /// reads nothing, pins too much, or does not take the rest of a stream that has ended.
    ///
    /// - Parameter mayPin: What this stream may hold, given what all of the loop's streams hold.
    /// - Returns: How many bytes wait for the socket.
    func look(_ now: NIODeadline, mayPin: Int) -> Int {
        guard let connection, !connection.isLookedAt else { return 0 }
        let waiting = connection.waitingBytes
        let verdict = health.check(now, waitingBytes: waiting, mayPin: mayPin, peer: { connection.peerSilence })
        switch verdict {
        case .fine(let waiting) where !isOpen:
            // Nothing was written after its end.
            guard now - lastWrite > shard.settings.endTimeout else { return waiting }
            note(.stalled)
        case .fine(let waiting):
            if waiting == 0, !cursor.isOpening, now - lastWrite >= shard.settings.silence {
                write(feedKey.style.frame(feedKey.style.format.heartbeat))
            }
            return waiting
        case .gone: note(.gone)
        case .stalled: note(.stalled)
        case .pinsTooMuch: note(.pinned)
        }
        connection.close()
        return 0
    }

    /// Ends the stream as a whole body, with a time after which the client may come back.
    func end() {
        guard isOpen, let connection else { return }
        leave()
        lastWrite = shard.now
        let retry = shard.settings.random(shard.settings.retryMilliseconds)
        connection.finish(feedKey.style.frame(feedKey.style.format.ending(retryMilliseconds: retry)))
    }

    /// Closes the connection, whatever the client has taken.
    final func close() {
        connection?.close()
    }
}
