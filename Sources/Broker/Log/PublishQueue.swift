import DequeModule
import NIOCore

/// Publishes that wait for the writer: batches form here while the one before them commits (group commit).
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

    enum AddAction {
        /// The writer was idle: call the store's `append`.
        case startWriter
        /// The writer will take it with its next batch.
        case wait
    }

    /// Those that no batch has taken. What a batch takes leaves at once: under load this may never become empty.
    private var waiting: Deque<Publish> = []
    /// The most that have waited since `waiting` was made: it keeps room for so many.
    private var mostWaiting = 0
    private var committing: [Publish] = []
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
        mostWaiting = max(mostWaiting, waiting.count)
        guard !isWriting else { return .wait }
        isWriting = true
        return .startWriter
    }

    /// The next batch; nil if nothing waits: the writer is idle from then on.
    mutating func takeBatch() -> AppendBatch? {
        guard !waiting.isEmpty else {
            if mostWaiting > Self.batchMessages { waiting = [] }
            mostWaiting = 0
            isWriting = false
            return nil
        }
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
        return AppendBatch(drafts: committing.map(\.draft), units: units)
    }

    /// Those whose batch has been committed, or has failed.
    mutating func finishBatch() -> [Publish] {
        defer { committing = [] }
        for publish in committing { bytes -= Self.cost(of: publish.draft) }
        return committing
    }

    mutating func close() {
        isClosed = true
    }

    /// A publish that waits holds its data and about this much beside it.
    private static func cost(of draft: MessageDraft) -> Int {
        draft.data.readableBytes + (draft.idempotencyKey?.utf8.count ?? 0) + (draft.trace?.bytes ?? 0) + 256
    }
}
