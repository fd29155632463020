import Broker
import Logging
import NIOCore

/// Pages of the store, read off the event loop. Streams of one feed that want the same page share one read, and its
/// encoding.
///
/// Confined to its event loop.
final class PageReads {
    /// A stretch of the log as a feed's streams write it.
    struct Page {
        let piece: Feed.Piece
        let removedThrough: Int64
        /// The position before the oldest message that is still stored.
        let beforeOldest: Int64
        /// The oldest message that is still stored and was published; nil if there is none.
        let oldest: Int64?
    }

    private struct Key: Hashable {
        let feed: Feed.Key
        let after: Int64
        /// A read that began before something was removed is not shared with those who come after.
        let generation: Int
        let revision: Int
    }

    /// A page has at most so many messages.
    static let pageMessages = 1000
    /// How long a read that failed waits before it is tried again; the streams stay open meanwhile.
    static let retryDelay = TimeAmount.seconds(1)

    private let store: any MessageStore
    private let eventLoop: any EventLoop
    private let counters: Counters
    private let logger: Logger
    private var waiting: [Key: [EventStream]] = [:]
    /// Pages that were read lately: after a restart thousands of streams want the same ones, but not all at one moment.
    private var recent: [Key: Page] = [:]
    private var recentBytes = 0
    private var generation = 0
    /// Pages kept, in bytes.
    private static let maximumRecentBytes = 16 << 20

    init(store: any MessageStore, eventLoop: any EventLoop, counters: Counters, logger: Logger) {
        (self.store, self.eventLoop, self.counters, self.logger) = (store, eventLoop, counters, logger)
    }

    func read(
        _ feed: Feed,
        after: Int64,
        through: Int64,
        maximumBytes: Int,
        for stream: EventStream
    ) {
        let key = Key(feed: feed.key, after: after, generation: generation, revision: feed.key.style.revision)
        // A page that ends where its read ended may lack what has come since; one that ends earlier is whole.
        if let page = recent[key], page.piece.end <= through { return stream.took(page) }
        waiting[key, default: []].append(stream)
        guard waiting[key]?.count == 1 else { return }
        start(key, through: through, maximumBytes: maximumBytes)
    }

    private func start(_ key: Key, through: Int64, maximumBytes: Int) {
        counters.pageReads.add(1)
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        let store = store
        let work: @Sendable () async -> Void = {
            let log = await outcome { () async throws(BrokerError) in
                try await store.messages(
                    of: key.feed.groups,
                    after: key.after,
                    through: through,
                    limit: Self.pageMessages,
                    maximumBytes: maximumBytes
                )
            }
            // Encoded here, not on the loop, whose live connections must not wait for it.
            let page = log.map { Self.page(of: $0, after: key.after, through: through, style: key.feed.style) }
            this.eventLoop.execute {
                switch page {
                case .success(let page): this.value.finish(key, page)
                case .failure(let error):
                    this.value.retry(key, through: through, maximumBytes: maximumBytes, after: error)
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

    private func finish(_ key: Key, _ page: Page) {
        if key.generation == generation, !page.piece.isPassing { keep(page, as: key) }
        for stream in waiting.removeValue(forKey: key) ?? [] { stream.took(page) }
    }

    private func keep(_ page: Page, as key: Key) {
        let size = page.piece.batches.reduce(200) { $0 + $1.buffer.readableBytes }
        if recentBytes + size > Self.maximumRecentBytes { forgetOld() }
        recent[key] = page
        recentBytes += size
    }

    private func retry(_ key: Key, through: Int64, maximumBytes: Int, after error: BrokerError) {
        logger.error("A page of history could not be read, streams wait for it", metadata: ["error": "\(error)"])
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Self.retryDelay) {
            this.value.waiting[key]?.removeAll { !$0.isOpen }
            // Nobody is left to read it for.
            guard this.value.waiting[key]?.isEmpty == false else { return this.value.waiting[key] = nil }
            this.value.start(key, through: through, maximumBytes: maximumBytes)
        }
    }

    /// Asks where a replay begins; tries again until the store answers.
    func resolve(_ start: ReplayStart, _ feed: Feed, through: Int64, for stream: EventStream) {
        let this = NIOLoopBound((reads: self, feed: feed, stream: stream), eventLoop: eventLoop)
        let store = store
        let groups = feed.key.groups
        let work: @Sendable () async -> Void = {
            let position = await outcome { () async throws(BrokerError) in
                try await store.position(of: start, in: groups, through: through)
            }
            this.eventLoop.execute {
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

    private static func page(of log: LogPage, after: Int64, through: Int64, style: StreamStyle) -> Page {
        var messages = log.messages
        var end = through
        if !log.isComplete {
            end = boundary(of: messages, after: after)
            messages.removeAll { ($0.id?.sequence ?? 0) > end }
        }
        return Page(
            piece: Feed.Piece(of: messages, style: style, end: end),
            removedThrough: log.removedThrough,
            // The oldest may be committed and not handed over yet; a position beyond what was published is none.
            beforeOldest: log.oldest.map { min($0 - 1, through) } ?? through,
            oldest: log.oldest.flatMap { $0 <= through ? $0 : nil }
        )
    }

    /// Where a page that is not the last one ends: at the roundest number (most trailing zeros) of the second half of what
    /// was read. Readers that began at different places so come to the same boundaries after a page or two, and share
    /// their reads from then on.
    static func boundary(of messages: [Message], after: Int64) -> Int64 {
        guard let last = messages.last?.id?.sequence, let middle = messages[messages.count / 2].id?.sequence else {
            return after
        }
        guard last > middle else { return last }
        // The highest bit in which they differ, cleared below, is the roundest number in (middle, last].
        let bit = Int64(63 - (middle ^ last).leadingZeroBitCount)
        return last & ~((1 << bit) - 1)
    }
}

private func outcome<Value: Sendable>(
    of work: () async throws(BrokerError) -> Value
) async -> Result<Value, BrokerError> {
    do { return .success(try await work()) } catch { return .failure(error) }
}
