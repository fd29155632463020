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

    /// As far as messages were given to live connections.
    private(set) var position: Int64
    /// As far as messages were taken out of the inbox; ahead of ``position`` only while a drain is under way.
    private var drained: Int64
    /// Streams that have ended are among them until their connections are closed.
    private(set) var streams = StreamSlices<Subscriber>()
    /// WebSockets, whatever they follow.
    var sockets = StreamSlices<SocketHandler>()
    /// Bodies that routes make while they are sent.
    var responses = StreamSlices<StreamedResponse>()
    /// Streams and sockets are counted together: operators see both in one list, in the order in which they began.
    private var lastNumber = 0
    private var feeds: [Feed.Key: Feed] = [:]
    private var topics = FollowedTopics()
    private var arrivals = 0
    /// Topics with arrived messages, in the order in which they came.
    private var changed: [FollowedTopic] = []
    private var isDraining = false
    /// What begins from now on ends at once.
    var isEnding = false
    private var observation: LogObservation?
    /// Streams that want to go on.
    var waiting: [Subscriber] = []
    let pages: PageReads
    let presence: ShardPresence
    var pieces: RecentPieces
    var looking: Looking
    /// Emptied arrays for the topics of later deliveries, so that one which is silent holds none.
    private var spareArrivals: [[FollowedTopic.Arrival]] = []
    /// So many, each of up to 1024 messages.
    private static let maximumSpareArrivals = 16

    init(eventLoop: any EventLoop, log: MessageLog, settings: StreamSettings, shared: SharedState, logger: Logger) {
        self.eventLoop = eventLoop
        self.log = log
        self.settings = settings
        self.shared = shared
        recent = RecentMessages(maximumBytes: settings.recentBytes)
        inbox = ShardInbox(maximumBytes: settings.inboxBytes, eventLoop: eventLoop, outside: shared.outside)
        position = log.frontier.sequence
        drained = position
        pages = PageReads(store: log.store, eventLoop: eventLoop, shared: shared, logger: logger)
        presence = ShardPresence(eventLoop: eventLoop, shared: shared)
        pieces = RecentPieces(maximumBytes: settings.recentBytes)
        looking = Looking(settings, start: now)
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        inbox.start {
            this.value.drain()
        } layerDidClose: {
            this.value.layerDidClose()
        }
        observation = log.observe { [inbox] notice in
            switch notice {
            case .removals(let removals): inbox.remove(removals)
            case .skipped(let through): inbox.skip(through: through)
            }
        }
    }

    var epochs: EpochState { log.store.epochs }
    var counters: Counters { shared.counters }
    var allStreams: [Subscriber] { streams.all }

    // MARK: Closing

    /// Nothing comes any more: clients come back to a server that has something to tell them.
    private func layerDidClose() {
        endAll(within: .zero)
    }

    /// Closes all that is open, and leaves the log: nothing comes onto the loop from there any more, once what is under way
    /// has ended (``OutsideWork``).
    func close() {
        isEnding = true
        observation?.cancel()
        for stream in allStreams { stream.close() }
        for socket in sockets.all { socket.close() }
        for response in responses.all { response.close() }
        inbox.stop()
        presence.stop()
    }

    // MARK: Joining and leaving

    /// Makes the shard a member of the stream's groups and gives it its position mark. The stream may be told to begin
    /// before this returns.
    func join(_ stream: Subscriber) {
        let feed = feed(for: stream.feedKey)
        feed.streams += 1
        stream.joined(feed, number: nextNumber())
        streams[stream.number] = stream
        counters.streams.add(1)
        if stream.isListener {
            shared.subscribers.add(feed.key.topics)
            presence.joined(stream)
        }

        let lacking = feed.key.topics.filter { topics[$0]?.feeds.count == 1 && feed.streams == 1 }
        log.join(inbox, topics: lacking) { frontier in
            for topic in lacking { recent.follow(topic, from: frontier) }
            inbox.mark(stream: stream.number, position: frontier)
        }
        drain()
        if isEnding { stream.end() }
    }

    /// For another stream or socket.
    func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    private func feed(for key: Feed.Key) -> Feed {
        if let feed = feeds[key] { return feed }
        let feed = Feed(key: key)
        feeds[key] = feed
        for topic in key.topics {
            let followed = topics[topic] ?? FollowedTopic(topic: topic)
            topics[topic] = followed
            followed.feeds.append(feed)
        }
        return feed
    }

    /// The stream follows its groups no more. It is looked at until ``remove(_:)``.
    func leave(_ stream: Subscriber) {
        guard let feed = stream.feed else { return }
        stream.left()
        pages.leave(stream)
        counters.streams.add(-1)
        if stream.isListener {
            shared.subscribers.remove(feed.key.topics)
            presence.left(stream)
        }
        feed.removeLive(stream)
        feed.streams -= 1
        guard feed.streams == 0 else { return }
        feeds[feed.key] = nil
        pieces.forget(feed)
        for topic in feed.key.topics {
            guard let followed = topics[topic] else { continue }
            followed.feeds.removeAll { $0 === feed }
            guard followed.feeds.isEmpty else { continue }
            topics[topic] = nil
            recent.forget(topic)
            log.leave(inbox, topic)
        }
    }

    /// The stream's connection is closed.
    func remove(_ stream: Subscriber) {
        streams[stream.number] = nil
    }

    // MARK: Draining the inbox

    /// For what is written by time, and not by a drain.
    func readClock() { now = .now() }

    func drain() {
        // A poll that is answered within a drain may let a pipelined one join: its mark waits for its turn.
        guard !isDraining else {
            let this = NIOLoopBound(self, eventLoop: eventLoop)
            return eventLoop.execute { this.value.drain() }
        }
        isDraining = true
        defer { isDraining = false }
        now = .now()
        let contents = inbox.takeAll()
        if let skipped = contents.skippedThrough { skip(through: skipped) }
        if contents.droppedRemovals { forgetAll() }
        if contents.droppedUnstored > 0 {
            counters.droppedUnstored.add(contents.droppedUnstored)
            counters.droppedInInboxes.add(contents.droppedUnstored)
        }
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
            }
        }
        deliver()
    }

    private func take(_ message: Message, in name: GroupName) {
        // Also where nobody here follows the group any more: later marks count from here.
        if let id = message.id { drained = max(drained, id.sequence) }
        arrivals += 1
        topics.forEach(of: name) { followed in
            if followed.arrived.isEmpty {
                changed.append(followed)
                if let spare = spareArrivals.popLast() { followed.arrived = spare }
            }
            followed.arrived.append((arrivals, message))
            recent.add(message, in: followed.topic)
        }
    }

    /// Deleted messages leave the memory: no stream that begins now gets them.
    private func remove(_ removals: [Removal]) {
        // Pages outlive the streams for which they were read.
        pages.forgetRemoved()
        for removal in removals {
            topics.forEach(of: removal.group) { followed in
                recent.note(removal, in: followed.topic)
                for feed in followed.feeds { pieces.forget(feed) }
            }
        }
        recent.removeNoted()
    }

    /// More was removed than the inbox holds: nothing that was read or has come before is shown to streams that begin now.
    private func forgetAll() {
        pieces.forgetAll()
        recent.skip(through: position)
        pages.forgetRemoved()
    }

    /// The inbox was over its bound: everybody goes on from the store.
    private func skip(through skipped: Int64) {
        counters.inboxOverflows.add(1)
        for feed in feeds.values {
            pieces.forget(feed)
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
        var changedFeeds: [Feed] = []
        for topic in changed {
            for feed in topic.feeds {
                if feed.pending.isEmpty { changedFeeds.append(feed) }
                feed.pending.append(topic)
            }
        }
        for feed in changedFeeds {
            pieces.forget(feed)
            // Before the delivery: a stream that falls behind in it counts what it did not get itself.
            countDrops(in: feed)
            if !feed.live.isEmpty { deliver(feed.pendingBatches, to: feed) }
            feed.endDelivery()
        }
        for topic in changed {
            let emptied = topic.finishDelivery()
            if spareArrivals.count < Self.maximumSpareArrivals, emptied.capacity <= 1024 {
                spareArrivals.append(emptied)
            }
        }
        changed.removeAll(keepingCapacity: true)
        arrivals = 0
        position = drained
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
        let unstored = feed.arrived.reduce(0) { $0 + ($1.message.id == nil ? 1 : 0) }
        if unstored > 0 { counters.droppedUnstored.add(behind * unstored) }
    }
}
