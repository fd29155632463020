import Broker
import Logging
import NIOCore

/// Pages of the store, read off the event loop. Streams of one feed whose positions lie in one stretch of the log share
/// one read of it, and its encoding: after a restart a thousand cursors differ, and want the same rows.
///
/// Confined to its event loop.
final class PageReads {
    /// Pages that can stand for each other.
    private struct Series: Hashable {
        let feed: Feed.Key
        /// A read that began before something was removed is not shared with those who come after.
        let generation: Int
        let revision: Int
    }

    private struct Waiter {
        let stream: EventStream
        let position: Int64
        /// How far it may read: where its shard stood.
        let through: Int64
    }

    /// A read under way, or waiting to be tried again.
    private final class Read {
        let series: Series
        let after: Int64
        let through: Int64
        let maximumBytes: Int
        var waiters: [Waiter]

        init(_ series: Series, after: Int64, through: Int64, maximumBytes: Int, waiters: [Waiter]) {
            (self.series, self.after, self.through) = (series, after, through)
            (self.maximumBytes, self.waiters) = (maximumBytes, waiters)
        }
    }

    /// A page has at most so many messages.
    static let pageMessages = 1000
    /// How long a read that failed waits before it is tried again; the streams stay open meanwhile.
    static let retryDelay = TimeAmount.seconds(1)

    private let store: any MessageStore
    private let eventLoop: any EventLoop
    private let gate: LoopGate
    private let counters: Counters
    private let logger: Logger
    private var reads: [Series: [Read]] = [:]
    /// Pages that were read lately, by where they begin: streams that come back want the same ones, but not all at one
    /// moment.
    private var recent: [Series: [Page]] = [:]
    private var recentBytes = 0
    private var generation = 0
    /// Damaged messages of which the log knows.
    private var damaged: Set<Int64> = []
    /// Pages kept, in bytes.
    private static let maximumRecentBytes = 16 << 20

    init(
        store: any MessageStore,
        eventLoop: any EventLoop,
        gate: LoopGate,
        counters: Counters,
        logger: Logger
    ) {
        (self.store, self.eventLoop, self.gate) = (store, eventLoop, gate)
        (self.counters, self.logger) = (counters, logger)
    }

    /// Gives a stream the page that holds what follows its position: ``EventStream/took(_:)``.
    func read(_ feed: Feed, after: Int64, through: Int64, maximumBytes: Int, for stream: EventStream) {
        let series = Series(feed: feed.key, generation: generation, revision: feed.key.style.revision)
        // A page that ends where its read ended may lack what has come since; one that ends earlier is whole.
        if let page = recent[series]?.page(at: after), page.piece.end <= through {
            return stream.took(page.suffix(after: after))
        }
        let waiter = Waiter(stream: stream, position: after, through: through)
        // The one that begins nearest before. Whether it goes as far as this position is known when it has come.
        if let read = reads[series]?.filter({ $0.after <= after }).max(by: { $0.after < $1.after }) {
            return read.waiters.append(waiter)
        }
        start(Read(series, after: after, through: through, maximumBytes: maximumBytes, waiters: [waiter]))
    }

    private func start(_ read: Read) {
        reads[read.series, default: []].append(read)
        load(read)
    }

    private func load(_ read: Read) {
        counters.pageReads.add(1)
        let this = NIOLoopBound((reads: self, read: read), eventLoop: eventLoop)
        let (store, feed, after, through) = (store, read.series.feed, read.after, read.through)
        let gate = gate
        let maximumBytes = read.maximumBytes
        let work: @Sendable () async -> Void = {
            let log = await outcome { () async throws(BrokerError) in
                try await store.messages(
                    of: feed.groups,
                    after: after,
                    through: through,
                    limit: Self.pageMessages,
                    maximumBytes: maximumBytes
                )
            }
            // Encoded here, not on the loop, whose live connections must not wait for it.
            let page = log.map { Self.page(of: $0, after: after, through: through, style: feed.style) }
            gate.execute {
                switch page {
                case .success(let page): this.value.reads.finish(this.value.read, page)
                case .failure(let error): this.value.reads.failed(this.value.read, error)
                }
            }
        }
        Task(operation: work)
    }

    /// Called now and then: a page is kept for as long as a crowd takes to come back, no longer.
    func forgetOld() {
        recent = [:]
        recentBytes = 0
    }

    /// Something was removed from the store: what was read before, or is being read, may still hold it.
    func forgetRemoved() {
        generation += 1
        forgetOld()
    }

    private func finish(_ read: Read, _ page: Page) {
        remove(read)
        if read.series.generation == generation, !page.piece.isPassing { keep(page, in: read.series) }
        var beyond: [Waiter] = []
        for waiter in read.waiters {
            if waiter.position == read.after || waiter.position < page.piece.end {
                waiter.stream.took(page.suffix(after: waiter.position))
            } else {
                beyond.append(waiter)
            }
        }
        readOn(beyond, instead: read, width: page.piece.end - read.after)
    }

    /// Reads for those who waited for a page that did not go as far as their position: one read for all that the next
    /// page from there on is likely to cover, if it is as wide as this one was.
    private func readOn(_ waiters: [Waiter], instead read: Read, width: Int64) {
        var next: Read?
        for waiter in waiters.sorted(by: { $0.position < $1.position }) where waiter.stream.isOpen {
            if let next, waiter.position - next.after < width {
                next.waiters.append(waiter)
                continue
            }
            if let next { start(next) }
            next = Read(
                read.series,
                after: waiter.position,
                through: waiter.through,
                maximumBytes: read.maximumBytes,
                waiters: [waiter]
            )
        }
        if let next { start(next) }
    }

    private func remove(_ read: Read) {
        reads[read.series]?.removeAll { $0 === read }
        if reads[read.series]?.isEmpty == true { reads[read.series] = nil }
    }

    private func keep(_ page: Page, in series: Series) {
        let size = page.piece.batches.reduce(200) { $0 + $1.size }
        if recentBytes + size > Self.maximumRecentBytes { forgetOld() }
        recent[series, default: []].insert(page)
        recentBytes += size
    }

    // MARK: What cannot be read

    private func failed(_ read: Read, _ error: BrokerError) {
        if let sequence = (error.underlying as? DamagedMessage)?.sequence {
            return pass(over: sequence, read, error)
        }
        logger.error("A page of history could not be read, streams wait for it", metadata: ["error": "\(error)"])
        for waiter in read.waiters { waiter.stream.readFailed() }
        let this = NIOLoopBound((reads: self, read: read), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Self.retryDelay) {
            let (reads, read) = this.value
            read.waiters.removeAll { !$0.stream.isOpen }
            // Nobody may be left to read it for.
            if read.waiters.isEmpty { reads.remove(read) } else { reads.load(read) }
        }
    }

    /// A message that is not as it was stored is never sent. Its streams are told, and go on behind it.
    private func pass(over sequence: Int64, _ read: Read, _ error: BrokerError) {
        remove(read)
        if damaged.count < 1000, damaged.insert(sequence).inserted {
            logger.error("Streams pass over a message that cannot be read", metadata: ["error": "\(error)"])
        }
        for waiter in read.waiters where waiter.position < sequence { waiter.stream.metDamage(at: sequence) }
        readOn(read.waiters.filter { $0.position >= sequence }, instead: read, width: .max)
    }

    /// Asks where a replay begins; tries again until the store answers.
    func resolve(_ start: ReplayStart, _ feed: Feed, through: Int64, for stream: EventStream) {
        let this = NIOLoopBound((reads: self, feed: feed, stream: stream), eventLoop: eventLoop)
        let (store, gate) = (store, gate)
        let groups = feed.key.groups
        let work: @Sendable () async -> Void = {
            let position = await outcome { () async throws(BrokerError) in
                try await store.position(of: start, in: groups, through: through)
            }
            gate.execute {
                switch position {
                case .success(let position): this.value.stream.resolved(at: position)
                case .failure(let error):
                    this.value.reads.logger.error(
                        "The beginning of a replay could not be read",
                        metadata: ["error": "\(error)"]
                    )
                    this.eventLoop.scheduleTask(in: Self.retryDelay) {
                        guard this.value.stream.isOpen else { return }
                        this.value.reads.resolve(start, this.value.feed, through: through, for: this.value.stream)
                    }
                }
            }
        }
        Task(operation: work)
    }
}

private func outcome<Value: Sendable>(
    of work: () async throws(BrokerError) -> Value
) async -> Result<Value, BrokerError> {
    do { return .success(try await work()) } catch { return .failure(error) }
}
