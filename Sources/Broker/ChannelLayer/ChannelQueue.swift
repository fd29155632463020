import DequeModule

/// One `receive` call.
struct ReaderID: Hashable, Sendable {
    let value: UInt64
}

/// How a waiting `receive` is woken. What it was woken for, it asks the state.
typealias ReaderWakeUp = CheckedContinuation<Void, Never>

/// The state of one channel: unread messages, and the calls of `receive`.
///
/// A message that comes while somebody waits is handed over: it leaves the queue and is kept for that reader until its
/// task runs. Only then is the message delivered, or, if the task was cancelled meanwhile, given back. So whatever
/// `receive` ends with, a message and a cancellation never cross.
///
/// Invariant: nobody waits while there are unread messages.
struct ChannelQueue: Sendable {
    struct Entry: Sendable {
        let message: Message
        let deadline: ContinuousClock.Instant
        /// Where the message belongs when it is given back. Grows within a channel.
        let order: UInt64
    }

    private struct Waiting: Sendable {
        let reader: ReaderID
        let wakeUp: ReaderWakeUp
    }

    private struct HandedOver: Sendable {
        let entry: Entry
        /// Whether the channel was cleared since: then the message must not reappear if the reader is cancelled.
        var isCleared = false
    }

    let name: ChannelName
    let capacity: Int
    /// The places of this channel's memberships. Kept up to date by the groups.
    var memberships: [Int] = []
    private var unread: Deque<Entry> = []
    private var waiting: Deque<Waiting> = []
    private var handedOver: [ReaderID: HandedOver] = [:]

    init(name: ChannelName, capacity: Int) {
        self.name = name
        self.capacity = capacity
    }

    var unreadCount: Int { unread.count }
    var waitingCount: Int { waiting.count }
    var hasReaders: Bool { !waiting.isEmpty || !handedOver.isEmpty }
    /// Whether nothing would be lost without it.
    var isUnused: Bool { unread.isEmpty && !hasReaders && memberships.isEmpty }
    /// The deadline of the message that expires first.
    var firstDeadline: ContinuousClock.Instant? { unread.first?.deadline }

    enum Acceptance {
        case full
        case queued
        case handedOver(ReaderWakeUp)
    }

    /// Takes a new message.
    mutating func accept(_ entry: Entry) -> Acceptance {
        guard unread.count < capacity else { return .full }
        if let wakeUp = handOver(entry) { return .handedOver(wakeUp) }
        unread.append(entry)
        return .queued
    }

    mutating func takeFirst() -> Message? {
        unread.popFirst()?.message
    }

    /// Lets a reader wait. Where a message came since it last looked, that one is kept for it, and it need not wait.
    ///
    /// - Returns: whether it has to wait to be woken.
    mutating func wait(_ reader: ReaderID, _ wakeUp: ReaderWakeUp) -> Bool {
        if let entry = unread.popFirst() {
            handedOver[reader] = HandedOver(entry: entry)
            return false
        }
        waiting.append(Waiting(reader: reader, wakeUp: wakeUp))
        return true
    }

    /// Ends the wait of a cancelled reader. Nil if it does not wait (any more).
    mutating func cancel(_ reader: ReaderID) -> ReaderWakeUp? {
        waiting.firstIndex { $0.reader == reader }.map { waiting.remove(at: $0).wakeUp }
    }

    enum Collection {
        /// Nothing was kept for the reader: its wait was ended.
        case nothing
        case message(Message)
        case givenBack(wakes: ReaderWakeUp?)
        case expired
    }

    /// Ends a `receive` that was woken: delivers what was kept for it, or takes it back from a cancelled one.
    mutating func collect(_ reader: ReaderID, isCancelled: Bool, now: ContinuousClock.Instant) -> Collection {
        guard let handed = handedOver.removeValue(forKey: reader) else { return .nothing }
        guard isCancelled else { return .message(handed.entry.message) }
        guard !handed.isCleared else { return .nothing }
        guard now < handed.entry.deadline else { return .expired }
        if let wakeUp = handOver(handed.entry) { return .givenBack(wakes: wakeUp) }
        // May go over the capacity by the number of readers: the message was accepted, so it is not dropped now.
        let place = unread.firstIndex { $0.order > handed.entry.order } ?? unread.endIndex
        unread.insert(handed.entry, at: place)
        return .givenBack(wakes: nil)
    }

    /// Drops what has expired.
    ///
    /// - Returns: the number of messages that were dropped.
    mutating func dropExpired(at now: ContinuousClock.Instant) -> Int {
        var count = 0
        while let first = unread.first, first.deadline <= now {
            unread.removeFirst()
            count += 1
        }
        return count
    }

    /// Drops all messages. Readers keep waiting, and what was handed over to one is still delivered to it.
    mutating func clear() {
        unread = []
        for reader in handedOver.keys {
            handedOver[reader]?.isCleared = true
        }
    }

    /// Ends all waits.
    mutating func endWaiting() -> [ReaderWakeUp] {
        defer { waiting = [] }
        return waiting.map(\.wakeUp)
    }

    private mutating func handOver(_ entry: Entry) -> ReaderWakeUp? {
        guard let next = waiting.popFirst() else { return nil }
        handedOver[next.reader] = HandedOver(entry: entry)
        return next.wakeUp
    }
}
