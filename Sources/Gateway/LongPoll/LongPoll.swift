import Broker
import HTTPTypes
import NIOCore

/// A subscriber that waits for the first messages, and is answered once: a long poll. It has a cursor and a place in a feed as a
/// stream has, and takes from the same pages and batches; so a thousand that wait cost what a thousand streams do.
///
/// Confined to its event loop.
final class LongPoll: Subscriber {
    /// How long a poll whose time is over still waits for the store.
    private static let storeTime = TimeAmount.seconds(10)

    private let poll: PollRequest
    private var gathered: GatheredMessages
    private var reset: StreamPreamble.Reset?
    private var timer: Scheduled<Void>?
    /// Whether it has waited long enough.
    private var isDue = false
    /// Nil once it is answered.
    private var complete: ((Answer) -> Void)?

    /// - Parameter complete: Called once, unless the connection is closed before. May be called within `begin`.
    init(_ request: PollRequest, shard: Shard, complete: @escaping (Answer) -> Void) {
        poll = request
        self.complete = complete
        gathered = GatheredMessages(limit: request.limit)
        super.init(request: request.stream, shard: shard)
    }

    override var transport: OpenStream.Transport { .longPoll }

    /// It comes and goes: whoever counts subscribers would see another number with each look.
    override var isListener: Bool { false }

    override func begin(on connection: any SubscriberConnection) {
        shard.counters.polls.add(1)
        let this = NIOLoopBound(self, eventLoop: shard.eventLoop)
        timer = shard.eventLoop.scheduleTask(in: TimeAmount(poll.wait)) { this.value.waitIsOver() }
        super.begin(on: connection)
    }

    override func connectionClosed() {
        guard complete != nil else { return }
        complete = nil
        timer?.cancel()
        shard.counters.polls.add(-1)
        super.connectionClosed()
    }

    // MARK: What comes

    override func act(on action: StreamCursor.Action, _ page: PageReads.Page? = nil) {
        guard isOpen, let feed else { return }
        switch action {
        case .open(_, let reason?, _):
            reset = StreamPreamble.Reset(
                reason: reason,
                requested: request.requested,
                oldest: reason == .expired ? oldest(of: page) : nil
            )
            goOn()
        case .open(_, nil, let thenTake):
            if thenTake, let page { take(page.piece) }
            goOn()
        case .resolve(let start):
            shard.resolve(start, for: self)
        case .read(let after, let through):
            shard.readPage(for: self, after: after, through: through)
        case .readRecent(let position):
            take(shard.recentPiece(of: feed, after: position))
            goOn()
        case .reset(let reason):
            // What was gathered is whole; the next poll is told of the gap.
            guard gathered.isEmpty else { return finish(hasMore: true, at: gathered.last) }
            reset = StreamPreamble.Reset(
                reason: reason,
                requested: request.requested,
                oldest: oldest(of: page)
            )
            goOn()
        case .write:
            let before = gathered.count
            if let page { take(page.piece) }
            // A stretch that had none of them: what is in hand is not held back for what may lie far.
            if !gathered.isEmpty, gathered.count == before, !gathered.hasMore, cursor.phase != .live {
                return finish(hasMore: false, at: cursor.position)
            }
            goOn()
        case .wait:
            if cursor.phase == .live { goOn() }
        }
    }

    private func take(_ piece: Feed.Piece) {
        for batch in piece.batches where !gathered.hasMore { gathered.take(batch) }
        cursor.wrote(upTo: piece.end)
    }

    private func goOn() {
        guard isOpen else { return }
        if gathered.hasMore { return finish(hasMore: true, at: gathered.last) }
        guard cursor.phase == .live else { return shard.proceed(self) }
        guard gathered.isEmpty, reset == nil, !isDue else { return finish(hasMore: false, at: shard.position) }
        becomeLive()
    }

    override func deliver(_ batches: [Batch], from position: Int64) -> Int {
        guard isOpen, let feed else { return 0 }
        let last = batches.last { $0.last != nil }?.last
        guard let last else { return 0 }
        // All polls of a feed with the same limit have the same answer.
        let key = Feed.SharedAnswer.Key(limit: poll.limit, after: position, last: last)
        let known = feed.sharedAnswers.first { $0.key == key }
        let answer = known ?? makeAnswer(key, batches)
        if known == nil { feed.share(answer) }
        finish(answer.answer)
        return answer.messages
    }

    private func makeAnswer(_ key: Feed.SharedAnswer.Key, _ batches: [Batch]) -> Feed.SharedAnswer {
        var gathered = gathered
        for batch in batches where !gathered.hasMore { gathered.take(batch) }
        let body = gathered.body(
            hasMore: gathered.hasMore,
            position: "\(shard.epochs.id(gathered.last))",
            reset: nil
        )
        let answer = bounded(.json(.ok, body))
        return Feed.SharedAnswer(key: key, messages: answer.status == .ok ? gathered.count : 0, answer: answer)
    }

    // MARK: The answer

    private func waitIsOver() {
        guard isOpen else { return }
        isDue = true
        if cursor.phase == .live { return finish(hasMore: false, at: shard.position) }
        // Something may be there, and is being read.
        let this = NIOLoopBound(self, eventLoop: shard.eventLoop)
        timer = shard.eventLoop.scheduleTask(in: Self.storeTime) { this.value.end() }
    }

    /// Answers at once: the server stops, the token has ended, the client has closed its side, or the store does not answer.
    override func end() {
        guard isOpen else { return }
        switch cursor.phase {
        case .live: finish(hasMore: false, at: shard.position)
        case .joining, .resolving:
            finish(
                Problem(
                    .serviceUnavailable,
                    "Where to begin cannot be read from the store now. Ask again in a moment.",
                    headers: [.retryAfter: "1"]
                ).answer
            )
        case .checking, .catchingUp, .reading, .ended: finish(hasMore: !gathered.isEmpty, at: cursor.position)
        }
    }

    private func finish(hasMore: Bool, at position: Int64) {
        let position = "\(shard.epochs.id(hasMore && !gathered.isEmpty ? gathered.last : position))"
        shard.counters.deliveries.add(gathered.count)
        finish(bounded(.json(.ok, gathered.body(hasMore: hasMore, position: position, reset: reset))))
    }

    /// The answer, where there is room for it beside those of other clients, which read slowly. One that many get is counted
    /// once. Nothing is lost: its client asks again.
    private func bounded(_ answer: Answer) -> Answer {
        let answers = shard.shared.answers
        var answer = answer
        let bytes = answer.body.readableBytes
        guard bytes >= LargeAnswers.leastBytes else { return answer }
        let held = BudgetShare(of: answers.budget)
        guard answers.hold(bytes, held) else { return answers.isFull.answer }
        answer.held = held
        return answer
    }

    private func finish(_ answer: Answer) {
        guard let complete else { return }
        connectionClosed()
        complete(answer)
    }

    // MARK: Time

    /// It has written nothing that a client could leave, and ends soon.
    override func look(_ now: NIODeadline, mayPin: Int) -> Int { 0 }
}
