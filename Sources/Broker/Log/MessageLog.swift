public import NIOCore
import Synchronization

/// The message log: publishes go through it into the store, and from the store to the channel layer.
///
/// It owns what neither of the two can: the *frontier*, the id of the last message that was handed to the layer, and the
/// rule that handing over and joining exclude each other. So a sink that joins a group with the frontier F gets every
/// message of that group after F, and every one up to F is in the store. An answer to a publisher means: durable, and in
/// the queue or inbox of every subscriber.
///
/// Safe to use from any thread.
public final class MessageLog: Sendable {
    /// The limits of the log.
    public struct Configuration: Sendable {
        /// The largest data of a message, in bytes of UTF-8.
        public var maximumMessageSize: Int
        /// How many bytes of publishes may wait for the store before further ones are refused with `overloaded`.
        public var maximumWaitingBytes: Int

        /// Both in bytes.
        public init(maximumMessageSize: Int = 1 << 20, maximumWaitingBytes: Int = 64 << 20) {
            self.maximumMessageSize = maximumMessageSize
            self.maximumWaitingBytes = maximumWaitingBytes
        }
    }

    /// What became of a publish.
    public typealias Outcome = Result<Published, BrokerError>
    /// For several drafts, in their order.
    public typealias BatchOutcome = Result<[Published], BrokerError>

    /// Where messages are kept.
    public let store: any MessageStore
    /// Where they go when they are stored.
    public let layer: any ChannelLayer
    /// As it was given; does not change.
    public let configuration: Configuration
    /// What it counts of its batches.
    public let counters = LogCounters()
    private let queue: Mutex<PublishQueue<PublishReply>>
    /// Those who wait for the queue to become idle for good.
    private let closers = Mutex<[CheckedContinuation<Void, Never>]>([])
    private let frontierSequence: Mutex<Int64>
    let observers = Mutex(LogObservers())

    /// Begins the store's feed. A store has one log.
    ///
    /// - Throws: ``BrokerError`` if the store cannot be read, or has a log already.
    public init(
        store: any MessageStore,
        layer: any ChannelLayer,
        configuration: Configuration = Configuration()
    ) throws(BrokerError) {
        self.store = store
        self.layer = layer
        self.configuration = configuration
        queue = Mutex(PublishQueue(maximumBytes: configuration.maximumWaitingBytes))
        frontierSequence = Mutex(0)
        let newest = try store.start { [weak self] in self?.take($0) }
        frontierSequence.withLock { $0 = max($0, newest) }
    }

    /// The newest published position: that of the last message which was handed to the layer.
    public var frontier: MessageID {
        store.epochs.id(frontierSequence.withLock { $0 })
    }

    /// How many publishes wait for the store.
    public var waitingPublishes: Int { queue.withLock { $0.depth } }

    /// The memory of the publishes that are not stored yet, in bytes: those that wait, and those that are being committed.
    public var waitingPublishBytes: Int { queue.withLock { $0.bytes } }

    // MARK: Publishing

    /// Stores a message, then publishes it to its group.
    ///
    /// Cancelling the calling task does not take the message back: it is stored and published, or neither.
    ///
    /// - Returns: The message with its id, once it is durable and handed over. With an idempotency key that was used
    ///   before, the message of the first publish; ``publish(_:on:complete:)`` tells which it is.
    /// - Throws: ``BrokerError``: `messageTooLarge`, `idempotencyKeyReused`, `storeUnavailable`, `overloaded`, `closed`.
    ///   Nothing was published.
    @discardableResult
    public func publish(_ draft: MessageDraft) async throws(BrokerError) -> Message {
        let outcome = await withCheckedContinuation { continuation in
            publish(draft, on: nil) { continuation.resume(returning: $0) }
        }
        return try outcome.get().message
    }

    /// Publishes several messages in one transaction: all of them or none.
    ///
    /// They get ascending ids with nothing between them, and reach every subscriber together.
    ///
    /// - Returns: What became of each, in order.
    /// - Throws: ``BrokerError`` as for a single one. `index` names the draft that was refused; nothing was published.
    @discardableResult
    public func publish(contentsOf drafts: [MessageDraft]) async throws(BrokerError) -> [Published] {
        let outcome = await withCheckedContinuation { continuation in
            publish(contentsOf: drafts, on: nil) { continuation.resume(returning: $0) }
        }
        return try outcome.get()
    }

    /// As ``publish(_:)-(MessageDraft)``, for callers on an event loop: `complete` is called once, on `eventLoop` if one
    /// is given. All answers of a batch to one loop wake it once.
    public func publish(
        _ draft: MessageDraft,
        on eventLoop: (any EventLoop)?,
        complete: @escaping @Sendable (Outcome) -> Void
    ) {
        do {
            try checkSize(of: draft)
            let reply = PublishReply(eventLoop: eventLoop, completion: .one(complete))
            switch try queue.withLock({ queue throws(BrokerError) in try queue.add(draft, reply: reply) }) {
            case .startWriter: startWriter()
            case .wait: break
            }
        } catch {
            complete(.failure(error))
        }
    }

    /// As ``publish(contentsOf:)``, for callers on an event loop: `complete` is called once, on `eventLoop` if one is
    /// given, or at once where nothing has to be stored.
    public func publish(
        contentsOf drafts: [MessageDraft],
        on eventLoop: (any EventLoop)?,
        complete: @escaping @Sendable (BatchOutcome) -> Void
    ) {
        guard !drafts.isEmpty else { return complete(.success([])) }
        do throws(BrokerError) {
            for (index, draft) in drafts.enumerated() {
                do throws(BrokerError) { try checkSize(of: draft) } catch { throw error.at(index) }
            }
            let reply = PublishReply(eventLoop: eventLoop, completion: .all(complete))
            switch try queue.withLock({ queue throws(BrokerError) in try queue.add(together: drafts, reply: reply) }) {
            case .startWriter: startWriter()
            case .wait: break
            }
        } catch {
            complete(.failure(error))
        }
    }

    /// Publishes to whoever is connected and stores nothing: the message has no id and is never replayed.
    ///
    /// - Throws: ``BrokerError``: `messageTooLarge`.
    public func publishUnstored(_ draft: MessageDraft) throws(BrokerError) {
        try checkSize(of: draft)
        store.broadcast([
            Message(group: draft.group, event: draft.event, data: draft.data, trace: draft.trace)
        ])
    }

    private func checkSize(of draft: MessageDraft) throws(BrokerError) {
        let size = draft.data.readableBytes
        guard size <= configuration.maximumMessageSize else {
            throw BrokerError(
                .messageTooLarge,
                "The data has \(size) bytes: at most \(configuration.maximumMessageSize) are allowed "
                    + "(\(Configuration.Settings.maxMessageSize)). Send a link to it instead, or split it."
            )
        }
    }

    // MARK: Joining

    /// Makes a sink a member of topics, and tells it from which position on its messages come.
    ///
    /// In one step, which excludes handing over: afterwards the sink receives every message of `topics` that is handed
    /// over after the frontier which `mark` is called with, and none before it.
    ///
    /// - Parameter mark: Called once before this returns, under a lock: only enqueue.
    public func join(_ sink: any ChannelSink, topics: some Sequence<Topic>, mark: (Int64) -> Void) {
        frontierSequence.withLock { frontier in
            for topic in topics { layer.groupAdd(sink, to: topic) }
            mark(frontier)
        }
    }

    /// Takes a sink out of a topic. Messages that it received before may still wait in its inbox.
    public func leave(_ sink: any ChannelSink, _ topic: Topic) {
        layer.groupDiscard(sink, from: topic)
    }

    // MARK: Writing

    private func startWriter() {
        store.append(
            next: {
                let batch = self.queue.withLock { $0.takeBatch() }
                if batch == nil { self.tellClosers() } else { self.counters.batchBegan() }
                return batch
            },
            committed: { outcomes in
                self.counters.batchEnded(outcomes)
                self.answer(self.queue.withLock { $0.finishBatch() }, outcomes)
            }
        )
    }

    /// The store's feed, event after event, so ids reach the layer in their order.
    private func take(_ event: StoreEvent) {
        switch event {
        case .messages(let messages, let through):
            frontierSequence.withLock { frontier in
                frontier = through
                layer.groupSend(contentsOf: messages)
            }
        case .removals(let removals):
            tell(.removals(removals))
        case .unstored(let messages):
            layer.groupSend(contentsOf: messages)
        case .skipped(let through):
            // A sink that joins after this begins beyond it.
            frontierSequence.withLock { frontier in
                frontier = max(frontier, through)
                tell(.skipped(through: through))
            }
        }
    }

    private func answer(_ publishes: [PublishQueue<PublishReply>.Publish], _ outcomes: [Outcome]) {
        var byLoop: [(eventLoop: any EventLoop, answers: [(PublishReply, ArraySlice<Outcome>)])] = []
        for (index, publish) in publishes.enumerated() {
            // The others of a unit have no reply of their own: the first one's answers for all.
            guard let reply = publish.reply else { continue }
            let own = outcomes[index..<(index + publish.count)]
            guard let eventLoop = reply.eventLoop else {
                reply.complete(with: own)
                continue
            }
            if let index = byLoop.firstIndex(where: { $0.eventLoop === eventLoop }) {
                byLoop[index].answers.append((reply, own))
            } else {
                byLoop.append((eventLoop, [(reply, own)]))
            }
        }
        for (eventLoop, answers) in byLoop {
            eventLoop.execute {
                for (reply, own) in answers { reply.complete(with: own) }
            }
        }
    }

    // MARK: Closing

    /// Refuses further publishes, and returns when those that wait are committed, handed over and answered.
    ///
    /// Close the store after this, not before. May be called again.
    public func close() async {
        queue.withLock { $0.close() }
        await withCheckedContinuation { closer in
            closers.withLock { $0.append(closer) }
            tellClosers()
        }
    }

    /// Wakes those who wait for the end, if it has come: called whenever the writer may have become idle.
    private func tellClosers() {
        guard queue.withLock({ $0.isIdle }) else { return }
        let waiting = closers.withLock { closers in
            defer { closers = [] }
            return closers
        }
        for closer in waiting { closer.resume() }
    }
}
