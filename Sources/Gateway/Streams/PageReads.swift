import Broker
import Logging
import NIOCore

/// Pages of the store, read off the event loop. Streams of one feed whose positions lie in one stretch of the log share
/// one read of it, and its encoding: after a restart a thousand cursors differ, and want the same rows.
///
/// Each stream waits for at most one read. When the last one that waits for it has gone, the read is dropped, whether it
/// is under way or has not begun.
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
        let stream: Subscriber
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
        /// By the streams' numbers.
        var waiters: [Int: Waiter] = [:]
        var task: Task<Void, Never>?

        init(_ series: Series, after: Int64, through: Int64, maximumBytes: Int) {
            (self.series, self.after, self.through, self.maximumBytes) = (series, after, through, maximumBytes)
        }
    }

    /// A page has at most so many messages.
    static let pageMessages = 1000
    /// How long a read that failed waits before it is tried again; the streams stay open meanwhile.
    static let retryDelay = TimeAmount.seconds(1)

    let store: any MessageStore
    let eventLoop: any EventLoop
    let shared: Shard.SharedState
    let logger: Logger
    private var reads: [Series: [Read]] = [:]
    /// The read that a stream waits for, by the stream's number.
    private var awaited: [Int: Read] = [:]
    /// Streams for which the store is asked where they begin, by their numbers.
    var resolving: [Int: Task<Void, Never>] = [:]
    /// Pages that were read lately, by where they begin: streams that come back want the same ones, but not all at one
    /// moment.
    private var kept: [Series: [Page]] = [:]
    private var keptBytes = 0
    private var generation = 0
    /// Damaged messages of which the log knows.
    private var damaged: Set<Int64> = []
    /// Pages kept, in bytes.
    private static let maximumKeptBytes = 16 << 20

    init(store: any MessageStore, eventLoop: any EventLoop, shared: Shard.SharedState, logger: Logger) {
        (self.store, self.eventLoop, self.shared, self.logger) = (store, eventLoop, shared, logger)
    }

    /// Gives a stream the page that holds what follows its position: ``Subscriber/took(_:)``.
    func read(_ feed: Feed, after: Int64, through: Int64, maximumBytes: Int, for stream: Subscriber) {
        let series = Series(feed: feed.key, generation: generation, revision: feed.key.style.revision)
        // A page that ends where its read ended may lack what has come since; one that ends earlier is whole.
        if let page = kept[series]?.page(at: after), page.piece.end <= through {
            return stream.took(page.suffix(after: after))
        }
        let waiter = Waiter(stream: stream, position: after, through: through)
        // The one that begins nearest before. Whether it goes as far as this position is known when it has come. One that
        // begins far back waits among long reads, and nobody near the head waits with it.
        let isNear = Self.isNear(after, through)
        let fitting = reads[series]?.filter { $0.after <= after && (!isNear || Self.isNear($0.after, $0.through)) }
        if let read = fitting?.max(by: { $0.after < $1.after }) {
            return wait(waiter, for: read)
        }
        let read = Read(series, after: after, through: through, maximumBytes: maximumBytes)
        wait(waiter, for: read)
        start(read)
    }

    /// Whether the store reads it without a wait.
    private static func isNear(_ after: Int64, _ through: Int64) -> Bool {
        after >= through - LogPage.nearHead
    }

    private func wait(_ waiter: Waiter, for read: Read) {
        read.waiters[waiter.stream.number] = waiter
        awaited[waiter.stream.number] = read
    }

    private func start(_ read: Read) {
        reads[read.series, default: []].append(read)
        load(read)
    }

    private func load(_ read: Read) {
        shared.counters.pageReads.add(1)
        let this = NIOLoopBound((reads: self, read: read), eventLoop: eventLoop)
        let (store, feed, after, through) = (store, read.series.feed, read.after, read.through)
        let maximumBytes = read.maximumBytes
        // The first stream that waits stands for all.
        let client = read.waiters.values.first?.stream.client ?? .current
        let work: @Sendable () async -> Void = {
            let log = await ReadClient.$current.withValue(client) {
                await outcome { () async throws(BrokerError) in
                    try await store.messages(
                        of: feed.topics,
                        after: after,
                        through: through,
                        limit: Self.pageMessages,
                        maximumBytes: maximumBytes
                    )
                }
            }
            // Dropped, and so interrupted.
            guard !Task.isCancelled else { return }
            // Encoded here, not on the loop, whose live connections must not wait for it.
            let page = log.map { Self.page(of: $0, after: after, through: through, style: feed.style) }
            this.eventLoop.execute {
                switch page {
                case .success(let page): this.value.reads.finish(this.value.read, page)
                case .failure(let error): this.value.reads.failed(this.value.read, error)
                }
            }
        }
        read.task = shared.outside.run(work)
    }

    /// A stream wants nothing any more.
    func leave(_ stream: Subscriber) {
        if let task = resolving.removeValue(forKey: stream.number) {
            task.cancel()
            shared.counters.droppedReads.add(1)
        }
        guard let read = awaited.removeValue(forKey: stream.number) else { return }
        read.waiters[stream.number] = nil
        guard read.waiters.isEmpty else { return }
        read.task?.cancel()
        remove(read)
        shared.counters.droppedReads.add(1)
    }

    /// Called now and then: a page is kept for as long as a crowd takes to come back, no longer.
    func forgetOld() {
        kept = [:]
        keptBytes = 0
    }

    /// Something was removed from the store: what was read before, or is being read, may still hold it.
    func forgetRemoved() {
        generation += 1
        forgetOld()
    }

    private func finish(_ read: Read, _ page: Page) {
        let waiters = end(read)
        if read.series.generation == generation, !page.piece.isPassing { keep(page, in: read.series) }
        var beyond: [Waiter] = []
        for waiter in waiters {
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
                wait(waiter, for: next)
                continue
            }
            if let next { start(next) }
            let read = Read(
                read.series,
                after: waiter.position,
                through: waiter.through,
                maximumBytes: read.maximumBytes
            )
            wait(waiter, for: read)
            next = read
        }
        if let next { start(next) }
    }

    /// Nobody waits for a read any more.
    ///
    /// - Returns: Those who did.
    private func end(_ read: Read) -> [Waiter] {
        remove(read)
        for number in read.waiters.keys { awaited[number] = nil }
        defer { read.waiters = [:] }
        return Array(read.waiters.values)
    }

    private func remove(_ read: Read) {
        read.task = nil
        reads[read.series]?.removeAll { $0 === read }
        if reads[read.series]?.isEmpty == true { reads[read.series] = nil }
    }

    private func keep(_ page: Page, in series: Series) {
        let size = page.piece.size
        guard size <= Self.maximumKeptBytes else { return }
        if keptBytes + size > Self.maximumKeptBytes { forgetOld() }
        kept[series, default: []].insert(page)
        keptBytes += size
    }

    // MARK: What cannot be read

    private func failed(_ read: Read, _ error: BrokerError) {
        // Dropped just now.
        guard !read.waiters.isEmpty else { return remove(read) }
        if let sequence = (error.underlying as? DamagedMessage)?.sequence {
            return pass(over: sequence, read, error)
        }
        logger.error("A page of history could not be read, streams wait for it", metadata: ["error": "\(error)"])
        for waiter in Array(read.waiters.values) { waiter.stream.readFailed() }
        let this = NIOLoopBound((reads: self, read: read), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Self.retryDelay) {
            // Nobody may be left to read it for.
            if !this.value.read.waiters.isEmpty { this.value.reads.load(this.value.read) }
        }
    }

    /// A message that is not as it was stored is never sent. Its streams are told, and go on behind it.
    private func pass(over sequence: Int64, _ read: Read, _ error: BrokerError) {
        let waiters = end(read)
        if damaged.count < 1000, damaged.insert(sequence).inserted {
            logger.error("Streams pass over a message that cannot be read", metadata: ["error": "\(error)"])
        }
        for waiter in waiters where waiter.position < sequence { waiter.stream.metDamage(at: sequence) }
        readOn(waiters.filter { $0.position >= sequence }, instead: read, width: .max)
    }
}

func outcome<Value: Sendable>(
    of work: () async throws(BrokerError) -> Value
) async -> Result<Value, BrokerError> {
    do { return .success(try await work()) } catch { return .failure(error) }
}
