import NIOCore

/// What waits for the writer: batches form here while the one before them commits (group commit).
///
/// A pure state machine. Load sizes the batch: a publish that finds the writer idle starts it at once, so nobody waits
/// for a timer, and what arrives during a commit goes into the next one together.
struct PublishQueue<Reply> {
    struct Publish {
        let draft: MessageDraft
        let reply: Reply
    }

    /// One transaction takes at most so many messages and, unless a single one is bigger, so many bytes: it bounds how
    /// long the first of them waits for the last.
    static var batchMessages: Int { 1000 }
    static var batchBytes: Int { 4 << 20 }

    enum AddAction {
        /// The writer was idle: call the store's `append`.
        case startWriter
        /// The writer will take it with its next batch.
        case wait
    }

    private var waiting: [Publish] = []
    /// Index of the first in `waiting` that no batch has taken.
    private var first = 0
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
    var depth: Int { waiting.count - first }

    /// - Throws: ``BrokerError``: `closed` after ``close()``, `overloaded` over the bound.
    mutating func add(_ draft: MessageDraft, reply: Reply) throws(BrokerError) -> AddAction {
        guard !isClosed else { throw BrokerError(.closed, "The server is stopping: send it again in a moment.") }
        let cost = Self.cost(of: draft)
        guard bytes == 0 || bytes + cost <= maximumBytes else {
            throw BrokerError(
                .overloaded,
                "The store cannot keep up: \(bytes) bytes wait to be committed. Nothing was stored; send it again in a "
                    + "moment."
            )
        }
        bytes += cost
        waiting.append(Publish(draft: draft, reply: reply))
        guard !isWriting else { return .wait }
        isWriting = true
        return .startWriter
    }

    /// The next batch; nil if nothing waits: the writer is idle from then on.
    mutating func takeBatch() -> [MessageDraft]? {
        guard first < waiting.count else {
            waiting.removeAll(keepingCapacity: waiting.capacity <= Self.batchMessages)
            first = 0
            isWriting = false
            return nil
        }
        var size = 0
        var end = first
        while end < waiting.count, end - first < Self.batchMessages {
            size += waiting[end].draft.data.readableBytes
            guard end == first || size <= Self.batchBytes else { break }
            end += 1
        }
        committing = Array(waiting[first..<end])
        first = end
        if first == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            first = 0
        }
        return committing.map(\.draft)
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
        draft.data.readableBytes + 256
    }
}
