import Broker
import DequeModule
import NIOCore

/// The recent messages of the topics that a shard follows, bounded in bytes over all of them: what readers that are a
/// little behind catch up from. A message that belongs to several topics is kept, and counted, with each.
///
/// Confined to the shard's event loop.
struct RecentMessages {
    private struct Kept {
        /// Every message of the topic after this position, up to the shard's, is in `messages`.
        var floor: Int64
        var messages: Deque<Message> = []
        /// The most that `messages` has held in its present storage, which does not shrink by itself.
        var peak = 0

        /// Whether a message is here.
        func holds(_ sequence: Int64) -> Bool {
            let place = messages.place(after: sequence - 1)
            return place < messages.endIndex && messages[place].id?.sequence == sequence
        }

        /// Gives storage back: groups that were busy one after the other must not each keep what it had then.
        mutating func shrink() {
            guard peak > 64, messages.count < peak / 4 else { return }
            messages = Deque(Array(messages))
            peak = messages.count
        }
    }

    private var topics: [Topic: Kept] = [:]
    /// In the order in which they came, for eviction: the oldest message of the first topic goes first. Entries whose
    /// message has left in another way (a removal, a forgotten topic) are passed over, and cleared away when they are
    /// more than the others.
    private var order: Deque<(topic: Topic, sequence: Int64)> = []
    /// Single messages that are to be removed.
    private var deleted: [Topic: Set<Int64>] = [:]
    /// How many entries of `order` have no message.
    private var stale = 0
    private(set) var bytes = 0
    private(set) var evictions = 0
    private let maximumBytes: Int

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// Begins to keep a topic, whose messages after `position` will all be added.
    mutating func follow(_ topic: Topic, from position: Int64) {
        topics[topic] = Kept(floor: position)
    }

    mutating func forget(_ topic: Topic) {
        guard let forgotten = topics.removeValue(forKey: topic) else { return }
        for message in forgotten.messages { bytes -= Self.cost(of: message) }
        left(forgotten.messages.count)
    }

    /// Messages have left, and their entries have not.
    private mutating func left(_ count: Int) {
        stale += count
        guard stale > 1000, stale > order.count / 2 else { return }
        // Into new storage: the old one may have been for many more.
        order = Deque(order.filter { topics[$0.topic]?.holds($0.sequence) ?? false })
        stale = 0
    }

    mutating func add(_ message: Message, in topic: Topic) {
        guard let id = message.id, let index = topics.index(forKey: topic) else { return }
        topics.values[index].messages.append(message)
        topics.values[index].peak = max(topics.values[index].peak, topics.values[index].messages.count)
        order.append((topic, id.sequence))
        bytes += Self.cost(of: message)
        while bytes > maximumBytes, let oldest = order.popFirst() { evict(oldest.topic, oldest.sequence) }
    }

    private mutating func evict(_ topic: Topic, _ sequence: Int64) {
        guard let index = topics.index(forKey: topic),
            topics.values[index].messages.first?.id?.sequence == sequence,
            let message = topics.values[index].messages.popFirst()
        else {
            stale -= 1
            return
        }
        topics.values[index].shrink()
        topics.values[index].floor = max(topics.values[index].floor, sequence)
        bytes -= Self.cost(of: message)
        evictions += 1
    }

    /// Something of a topic is gone from the store. Call ``removeNoted()`` when all that went together is noted.
    mutating func note(_ removal: Removal, in topic: Topic) {
        switch removal {
        case .message(let sequence, _): deleted[topic, default: []].insert(sequence)
        case .messages(let through, _): remove(through: through, in: topic)
        }
    }

    mutating func removeNoted() {
        for (topic, sequences) in deleted { remove(sequences, in: topic) }
        deleted = [:]
    }

    private mutating func remove(_ sequences: Set<Int64>, in topic: Topic) {
        guard let index = topics.index(forKey: topic) else { return }
        let gone = sequences.filter { topics.values[index].holds($0) }
        guard !gone.isEmpty else { return }
        // In one pass, whose length many share: each one alone would move all that follow it.
        topics.values[index].messages.removeAll { message in
            guard let id = message.id, gone.contains(id.sequence) else { return false }
            bytes -= Self.cost(of: message)
            return true
        }
        topics.values[index].shrink()
        left(gone.count)
    }

    /// What a purge of one group took. Below it the store is asked, which tells of the gap; so the other groups of a pattern
    /// are not kept below it either.
    private mutating func remove(through: Int64, in topic: Topic) {
        guard let index = topics.index(forKey: topic) else { return }
        let end = topics.values[index].messages.place(after: through)
        for message in topics.values[index].messages[..<end] { bytes -= Self.cost(of: message) }
        topics.values[index].messages.removeFirst(end)
        topics.values[index].floor = max(topics.values[index].floor, through)
        topics.values[index].shrink()
        left(end)
    }

    /// Messages up to here were not added: all topics begin anew after it. One that was followed from a later
    /// position keeps that as its floor: what came to it between the two was never sent here.
    mutating func skip(through position: Int64) {
        for index in topics.indices {
            topics.values[index] = Kept(floor: max(topics.values[index].floor, position))
        }
        order.removeAll()
        stale = 0
        bytes = 0
    }

    /// The position from which on the messages of all these topics are here; `.max` if one is not followed.
    func floor(of topics: [Topic]) -> Int64 {
        topics.reduce(0) { max($0, self.topics[$1]?.floor ?? .max) }
    }

    /// The messages of these topics after a position whose `ttl` has not ended, each once, in the order of their ids, until
    /// `maximumBytes` of data, but at least one. The position must not lie below the floor.
    func messages(
        of topics: [Topic],
        after position: Int64,
        maximumBytes: Int,
        now: Timestamp
    ) -> [Message] {
        var parts = topics.compactMap { self.topics[$0]?.messages.suffix(after: position) }.filter { !$0.isEmpty }
        var result: [Message] = []
        var size = 0
        var last = position
        while let next = parts.indices.min(by: { parts[$0].sequence < parts[$1].sequence }) {
            guard let message = parts[next].popFirst() else { break }
            let sequence = message.id?.sequence ?? last
            if sequence > last, !message.isExpired(at: now) {
                size += message.data.readableBytes
                guard result.isEmpty || size <= maximumBytes else { break }
                result.append(message)
            }
            last = sequence
            if parts[next].isEmpty { parts.remove(at: next) }
        }
        return result
    }

    /// The memory of a message with its encoding, in bytes.
    private static func cost(of message: Message) -> Int {
        2 * message.data.readableBytes + (message.trace?.bytes ?? 0) + 400
    }
}

extension Deque<Message> {
    /// Those after a position, found by bisection: the ids ascend.
    fileprivate func suffix(after position: Int64) -> Deque<Message>.SubSequence {
        self[place(after: position)...]
    }

    /// The place of the first after a position.
    fileprivate func place(after position: Int64) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if (self[middle].id?.sequence ?? 0) <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Slice<Deque<Message>> {
    /// The sequence of the first; callers know that there is one.
    fileprivate var sequence: Int64 { first?.id?.sequence ?? .max }
}
