import Broker
import Logging
import NIOCore

/// All that one event loop has of the fan-out: its inbox, its position in the log, the feeds of its connections.
///
/// **The invariant.** The shard has one number, its *position*. Every message with an id up to it, of the groups that the
/// shard follows, has either been given to its live connections or is in the store; every later one comes through its
/// inbox. Catching up never reads beyond it.
///
/// Confined to its event loop, but for the inbox.
final class Shard {
    let eventLoop: any EventLoop
    let log: MessageLog
    let settings: StreamSettings
    let shared: SharedState
    private(set) var recent: RecentMessages
    /// The loop's clock: read once for each drain and tick, not for each write.
    private(set) var now = NIODeadline.now()
    private let inbox: ShardInbox
    private var removals: RemovalObservation?

    /// As far as messages were given to live connections.
    private(set) var position: Int64
    /// As far as messages were taken out of the inbox; ahead of ``position`` only while a drain is under way.
    private var drained: Int64
    private var streams: [Int: EventStream] = [:]
    private var nextStream = 0
    private var feeds: [Feed.Key: Feed] = [:]
    private var groups: [GroupName: FollowedGroup] = [:]
    private var arrivals = 0
    /// Groups with arrived messages, in the order in which they came.
    private var changed: [FollowedGroup] = []
    private var isDelivering = false
    /// Streams that want to go on.
    private var waiting: [EventStream] = []
    private let pages: PageReads
    private var ticked = Ticked()

    /// What the gateway's shards have in common.
    struct SharedState: Sendable {
        let counters: Counters
        let subscribers = Subscribers()
    }

    init(eventLoop: any EventLoop, log: MessageLog, settings: StreamSettings, shared: SharedState, logger: Logger) {
        self.eventLoop = eventLoop
        self.log = log
        self.settings = settings
        self.shared = shared
        recent = RecentMessages(maximumBytes: settings.recentBytes)
        inbox = ShardInbox(maximumBytes: settings.inboxBytes, eventLoop: eventLoop)
        position = log.frontier.sequence
        drained = position
        pages = PageReads(
            store: log.store,
            eventLoop: eventLoop,
            gate: inbox.gate,
            counters: shared.counters,
            logger: logger
        )
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        inbox.start { this.value.drain() }
        removals = log.observeRemovals { [inbox] in inbox.remove($0) }
    }

    /// Lets go of the log, which may outlive the loop: nothing more comes into the inbox.
    func stop() {
        removals?.cancel()
        for name in groups.keys { log.leave(inbox, group: name) }
        inbox.stop()
    }

    /// For work from other threads.
    var gate: LoopGate { inbox.gate }
    var epoch: Epoch { log.store.epoch }
    var counters: Counters { shared.counters }
    var allStreams: some Collection<EventStream> { streams.values }

    // MARK: Joining and leaving

    /// Makes the shard a member of the stream's groups and gives it its position mark. The stream may be told to begin
    /// before this returns.
    func join(_ stream: EventStream) {
        nextStream += 1
        stream.number = nextStream
        streams[nextStream] = stream
        let feed = feed(for: stream.feedKey)
        feed.streams += 1
        stream.feed = feed
        counters.streams.add(1)
        shared.subscribers.add(feed.key.groups)

        let lacking = feed.key.groups.filter { groups[$0]?.feeds.count == 1 && feed.streams == 1 }
        log.join(inbox, groups: lacking) { frontier in
            for group in lacking { recent.follow(group, from: frontier) }
            inbox.mark(stream: stream.number, position: frontier)
        }
        drain()
    }

    private func feed(for key: Feed.Key) -> Feed {
        if let feed = feeds[key] { return feed }
        let feed = Feed(key: key)
        feeds[key] = feed
        for name in key.groups {
            let group = groups[name] ?? FollowedGroup(name: name)
            groups[name] = group
            group.feeds.append(feed)
        }
        return feed
    }

    func leave(_ stream: EventStream) {
        guard streams.removeValue(forKey: stream.number) != nil, let feed = stream.feed else { return }
        counters.streams.add(-1)
        shared.subscribers.remove(feed.key.groups)
        feed.removeLive(stream)
        feed.streams -= 1
        guard feed.streams == 0 else { return }
        feeds[feed.key] = nil
        for name in feed.key.groups {
            guard let group = groups[name] else { continue }
            group.feeds.removeAll { $0 === feed }
            guard group.feeds.isEmpty else { continue }
            groups[name] = nil
            recent.forget(name)
            log.leave(inbox, group: name)
        }
    }

    // MARK: Draining the inbox

    func drain() {
        guard !isDelivering else {
            let this = NIOLoopBound(self, eventLoop: eventLoop)
            return eventLoop.execute { this.value.drain() }
        }
        now = .now()
        let contents = inbox.takeAll()
        if let skipped = contents.skippedThrough { skip(through: skipped) }
        if contents.droppedUnstored > 0 { counters.droppedUnstored.add(contents.droppedUnstored) }
        for entry in contents.entries {
            switch entry {
            case .message(let message, let group): take(message, in: group)
            case .mark(let stream, let frontier):
                deliver()
                drained = max(drained, frontier)
                position = drained
                streams[stream]?.joined()
            case .removals(let removals):
                remove(removals)
            case .layerClosed:
                // Nothing comes any more: their clients must not wait for it.
                for stream in Array(streams.values) { stream.end() }
            }
        }
        deliver()
    }

    private func take(_ message: Message, in name: GroupName) {
        // Also where nobody here follows the group any more: later marks count from here.
        if let id = message.id { drained = max(drained, id.sequence) }
        guard let group = groups[name] else { return }
        if group.arrived.isEmpty { changed.append(group) }
        arrivals += 1
        group.arrived.append((arrivals, message))
        recent.add(message, in: name)
    }

    /// What is deleted leaves the memory: no stream that begins now is shown it.
    private func remove(_ removals: [Removal]) {
        var isShown = false
        for removal in removals {
            guard let group = groups[removal.group] else { continue }
            isShown = true
            recent.remove(removal)
            for feed in group.feeds { feed.forgetPieces() }
        }
        if isShown { pages.forgetRemoved() }
    }

    /// The inbox was over its bound: everybody goes on from the store.
    private func skip(through skipped: Int64) {
        counters.inboxOverflows.add(1)
        for feed in feeds.values {
            feed.forgetPieces()
            while let stream = feed.live.last {
                stream.fallBehind(at: position)
                proceed(stream)
            }
        }
        recent.skip(through: skipped)
        drained = max(drained, skipped)
        position = drained
    }

    private func deliver() {
        isDelivering = true
        var changedFeeds: [Feed] = []
        for group in changed {
            for feed in group.feeds {
                if feed.pending.isEmpty { changedFeeds.append(feed) }
                feed.pending.append(group)
            }
        }
        for feed in changedFeeds {
            feed.forgetPieces()
            // Before the delivery: a stream that falls behind in it counts what it did not get itself.
            countDrops(in: feed)
            if !feed.live.isEmpty { deliver(Self.batches(for: feed), to: feed) }
            feed.pending.removeAll(keepingCapacity: true)
        }
        for group in changed { group.finishDelivery() }
        changed.removeAll(keepingCapacity: true)
        arrivals = 0
        position = drained
        isDelivering = false
    }

    /// One group's batches are shared by all its feeds; those of several groups are this feed's own, and references
    /// where nobody would share the copy.
    private static func batches(for feed: Feed) -> [Batch] {
        if feed.pending.count == 1, let group = feed.pending.first { return group.batches(in: feed.key.style) }
        let messages = feed.pending.flatMap(\.arrived).sorted { $0.order < $1.order }.map(\.message)
        return feed.live.count == 1
            ? Batch.references(to: messages, style: feed.key.style) : Batch.make(of: messages, style: feed.key.style)
    }

    private func deliver(_ batches: [Batch], to feed: Feed) {
        var written = 0
        // Backwards: a stream that falls behind, or ends, is replaced by one that has had its turn.
        for index in feed.live.indices.reversed() where index < feed.live.count {
            written += feed.live[index].deliver(batches, from: position)
        }
        let full = feed.live.count
        counters.deliveries.add(written)
        counters.batches.add(full * batches.count)
        counters.deliveredBytes.add(full * batches.reduce(0) { $0 + $1.buffer.readableBytes })
    }

    /// Messages without an id cannot be caught up with.
    private func countDrops(in feed: Feed) {
        let behind = feed.streams - feed.live.count
        guard behind > 0 else { return }
        let unstored = feed.pending.reduce(0) { sum, group in
            sum + group.arrived.reduce(0) { $0 + ($1.message.id == nil ? 1 : 0) }
        }
        if unstored > 0 { counters.droppedUnstored.add(behind * unstored) }
    }

    // MARK: Time

    /// Called about four times per heartbeat.
    func tick() {
        now = .now()
        pages.forgetOld()
        // The bound is shared equally among those that hold anything; most hold nothing.
        let holding = max(1, ticked.holding)
        let mayPin = ticked.pinned > settings.pinnedBytes ? settings.pinnedBytes / holding : .max
        var next = Ticked()
        for stream in Array(streams.values) {
            let pinned = stream.tick(now, mayPin: mayPin)
            next.pinned += pinned
            next.holding += pinned > 0 ? 1 : 0
        }
        next.recentBytes = recent.bytes
        next.evictions = recent.evictions
        counters.pinnedBytes.add(next.pinned - ticked.pinned)
        counters.recentBytes.add(next.recentBytes - ticked.recentBytes)
        counters.recentEvictions.add(next.evictions - ticked.evictions)
        ticked = next
    }

    /// What the last tick saw.
    private struct Ticked {
        var pinned = 0
        var holding = 0
        var recentBytes = 0
        var evictions = 0
    }

    // MARK: Catching up

    /// Lets the stream go on in the loop's next turn: never in the middle of a delivery, and after everybody else who
    /// waits has had a piece, so that a long replay does not hold up the live connections.
    func proceed(_ stream: EventStream) {
        waiting.append(stream)
        guard waiting.count == 1 else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { this.value.resumeWaiting() }
    }

    private func resumeWaiting() {
        let turn = waiting
        waiting = []
        for stream in turn { stream.proceed() }
    }

    func floor(of feed: Feed) -> Int64 { recent.floor(of: feed.key.groups) }

    /// The recent messages after a position, about as many as one buffer holds.
    func recentPiece(of feed: Feed, after start: Int64) -> Feed.Piece {
        feed.piece(after: start) {
            let messages = recent.messages(
                of: feed.key.groups,
                after: start,
                maximumBytes: settings.pieceBytes,
                now: .now()
            )
            return Feed.Piece(of: messages, style: feed.key.style, end: messages.last?.id?.sequence ?? position)
        }
    }

    func readPage(for stream: EventStream, after: Int64, through: Int64) {
        guard let feed = stream.feed else { return }
        pages.read(feed, after: after, through: through, maximumBytes: settings.pieceBytes, for: stream)
    }

    func resolve(_ start: ReplayStart, for stream: EventStream) {
        guard let feed = stream.feed else { return }
        pages.resolve(start, feed, through: position, for: stream)
    }
}
