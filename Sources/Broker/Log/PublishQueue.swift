import DequeModule
import NIOCore

/// What waits for the writer: batches form here while the one before them commits (group commit).
///
/// A pure state machine. Load sizes the batch: a publish that finds the writer idle starts it at once, so nobody waits
/// for a timer, and what arrives during a commit goes into the next one together. Drafts that were added together stay
/// together: a batch takes all of them or none.
struct PublishQueue<Reply> {
    struct Publish {
        let draft: MessageDraft
        /// Nil for all but the first of those that were added together.
        let reply: Reply?
        /// How many were added together, beginning with this one; 0 for the others of them.
        let count: Int
    }

    /// One transaction takes at most so many messages and so many bytes, unless what was added together is more: it bounds
    /// how long the first of them waits for the last.
    static var batchMessages: Int { 1000 }
    static var batchBytes: Int { 4 << 20 }

    /// Somebody who waits until those before it are answered.
    typealias Waiter = CheckedContinuation<Void, Never>

    enum AddAction {
        /// The writer was idle: call the store's `append`.
        case startWriter
        /// The writer will take it with its next batch.
        case wait
    }

    /// What a batch takes leaves it at once: under load it may never be empty, and what stayed would stay for ever.
    private var waiting: Deque<Publish> = []
    /// The most that waited since `waiting` was last empty, which is what it has room for.
    private var peak = 0
    private var committing: [Publish] = []
    /// How many publishes batches have taken, and how many of them have been answered.
    private var (taken, answered) = (0, 0)
    /// Those who wait until so many are answered.
    private var waiters: [(target: Int, wakeUp: Waiter)] = []
    private var isWriting = false
    private var isClosed = false
    private(set) var bytes = 0
    /// More bytes than this do not wait: a store that is stuck must not fill the memory.
    private let maximumBytes: Int

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    var isIdle: Bool { !isWriting }
    /// Publishes that no commit has taken yet.
    var depth: Int { waiting.count }

    /// - Throws: ``BrokerError``: `closed` after ``close()``, `overloaded` over the bound.
    mutating func add(_ draft: MessageDraft, reply: Reply) throws(BrokerError) -> AddAction {
        try admit(Self.cost(of: draft))
        waiting.append(Publish(draft: draft, reply: reply, count: 1))
        return startIfIdle()
    }

    /// As for one, with drafts that are committed together or not at all. There is at least one.
    mutating func add(together drafts: [MessageDraft], reply: Reply) throws(BrokerError) -> AddAction {
        try admit(drafts.reduce(0) { $0 + Self.cost(of: $1) })
        for (index, draft) in drafts.enumerated() {
            let isFirst = index == 0
            waiting.append(
                Publish(draft: draft, reply: isFirst ? reply : nil, count: isFirst ? drafts.count : 0)
            )
        }
        return startIfIdle()
    }

    private mutating func admit(_ cost: Int) throws(BrokerError) {
        guard !isClosed else { throw BrokerError(.closed, "The server is stopping: send it again in a moment.") }
        guard bytes == 0 || bytes + cost <= maximumBytes else {
            throw BrokerError(
                .overloaded,
                "The store cannot keep up: \(bytes) bytes wait to be committed. Nothing was stored; send it again in a "
                    + "moment."
            )
        }
        bytes += cost
    }

    private mutating func startIfIdle() -> AddAction {
        guard !isWriting else { return .wait }
        isWriting = true
        return .startWriter
    }

    /// The next batch; nil if nothing waits: the writer is idle from then on. Those of the batch before have been
    /// answered by now.
    mutating func takeBatch() -> AppendBatch? {
        answered = taken
        guard !waiting.isEmpty else {
            // Room for a flood of publishes is given back; room for a usual batch is kept.
            if peak > Self.batchMessages { waiting = [] }
            peak = 0
            isWriting = false
            return nil
        }
        peak = max(peak, waiting.count)
        var size = 0
        var end = 0
        var units: [Range<Int>] = []
        while end < waiting.count {
            let next = end + waiting[end].count
            for index in end..<next { size += waiting[index].draft.data.readableBytes }
            guard end == 0 || (next <= Self.batchMessages && size <= Self.batchBytes) else { break }
            if next - end > 1 { units.append(end..<next) }
            end = next
        }
        committing = Array(waiting.prefix(end))
        waiting.removeFirst(end)
        taken += end
        return AppendBatch(drafts: committing.map(\.draft), units: units)
    }

    /// Those whose batch has been committed, or has failed.
    mutating func finishBatch() -> [Publish] {
        defer { committing = [] }
        for publish in committing { bytes -= Self.cost(of: publish.draft) }
        return committing
    }

    /// - Returns: Whether there is something to wait for.
    mutating func wait(_ waiter: Waiter) -> Bool {
        guard isWriting else { return false }
        waiters.append((taken + waiting.count, waiter))
        return true
    }

    /// Those who need not wait any more. To be asked after each ``takeBatch()``.
    mutating func takeServedWaiters() -> [Waiter] {
        guard !waiters.isEmpty else { return [] }
        let served = waiters.filter { $0.target <= answered }.map(\.wakeUp)
        waiters.removeAll { $0.target <= answered }
        return served
    }

    mutating func close() {
        isClosed = true
    }

    /// A publish that waits holds its data and about this much beside it.
    private static func cost(of draft: MessageDraft) -> Int {
        draft.data.readableBytes + (draft.idempotencyKey?.utf8.count ?? 0) + 256
    }
}
