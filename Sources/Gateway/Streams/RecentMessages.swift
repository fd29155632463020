import Broker
import DequeModule
import NIOCore

/// The recent messages of the groups that a shard follows, bounded in bytes over all groups: what readers that are a
/// little behind catch up from.
///
/// Confined to the shard's event loop.
struct RecentMessages {
    private struct Group {
        /// Every message of the group after this position, up to the shard's, is in `messages`.
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

    private var groups: [GroupName: Group] = [:]
    /// In the order in which they came, for eviction: the oldest message of the first group goes first. Entries whose
    /// message has left in another way (a removal, a forgotten group) are passed over, and cleared away when they are
    /// more than the others.
    private var order: Deque<(group: GroupName, sequence: Int64)> = []
    /// How many entries of `order` have no message.
    private var stale = 0
    private(set) var bytes = 0
    private(set) var evictions = 0
    private let maximumBytes: Int

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// Begins to keep a group, whose messages after `position` will all be added.
    mutating func follow(_ group: GroupName, from position: Int64) {
        groups[group] = Group(floor: position)
    }

    mutating func forget(_ group: GroupName) {
        guard let forgotten = groups.removeValue(forKey: group) else { return }
        for message in forgotten.messages { bytes -= Self.cost(of: message) }
        left(forgotten.messages.count)
    }

    /// Messages have left, and their entries have not.
    private mutating func left(_ count: Int) {
        stale += count
        guard stale > 1000, stale > order.count / 2 else { return }
        // Into new storage: the old one may have been for many more.
        order = Deque(order.filter { groups[$0.group]?.holds($0.sequence) ?? false })
        stale = 0
    }

    mutating func add(_ message: Message, in group: GroupName) {
        guard let id = message.id, let index = groups.index(forKey: group) else { return }
        groups.values[index].messages.append(message)
        groups.values[index].peak = max(groups.values[index].peak, groups.values[index].messages.count)
        order.append((group, id.sequence))
        bytes += Self.cost(of: message)
        while bytes > maximumBytes, let oldest = order.popFirst() { evict(oldest.group, oldest.sequence) }
    }

    private mutating func evict(_ group: GroupName, _ sequence: Int64) {
        guard let index = groups.index(forKey: group),
            groups.values[index].messages.first?.id?.sequence == sequence,
            let message = groups.values[index].messages.popFirst()
        else {
            stale -= 1
            return
        }
        groups.values[index].shrink()
        groups.values[index].floor = max(groups.values[index].floor, sequence)
        bytes -= Self.cost(of: message)
        evictions += 1
    }

    /// Drops what is gone from the store. Below what a purge took the store is asked, which tells of the gap.
    mutating func remove(_ removals: [Removal]) {
        var deleted: [GroupName: Set<Int64>] = [:]
        for removal in removals {
            switch removal {
            case .message(let sequence, let group): deleted[group, default: []].insert(sequence)
            case .messages(let through, let group): remove(through: through, in: group)
            }
        }
        for (group, sequences) in deleted { remove(sequences, in: group) }
    }

    private mutating func remove(_ sequences: Set<Int64>, in group: GroupName) {
        guard let index = groups.index(forKey: group) else { return }
        let gone = sequences.filter { groups.values[index].holds($0) }
        guard !gone.isEmpty else { return }
        // In one pass, whose length many share: each one alone would move all that follow it.
        groups.values[index].messages.removeAll { message in
            guard let id = message.id, gone.contains(id.sequence) else { return false }
            bytes -= Self.cost(of: message)
            return true
        }
        groups.values[index].shrink()
        left(gone.count)
    }

    private mutating func remove(through: Int64, in group: GroupName) {
        guard let index = groups.index(forKey: group) else { return }
        let end = groups.values[index].messages.place(after: through)
        for message in groups.values[index].messages[..<end] { bytes -= Self.cost(of: message) }
        groups.values[index].messages.removeFirst(end)
        groups.values[index].floor = max(groups.values[index].floor, through)
        groups.values[index].shrink()
        left(end)
    }

    /// Messages up to here were not added: all groups begin anew after it. A group that was followed from a later
    /// position keeps that as its floor: what came to it between the two was never sent here.
    mutating func skip(through position: Int64) {
        for index in groups.indices {
            groups.values[index] = Group(floor: max(groups.values[index].floor, position))
        }
        order.removeAll()
        stale = 0
        bytes = 0
    }

    /// The position from which on the messages of all these groups are here; `.max` if one is not followed.
    func floor(of names: [GroupName]) -> Int64 {
        names.reduce(0) { max($0, groups[$1]?.floor ?? .max) }
    }

    /// The messages of these groups after a position whose `ttl` has not ended, in the order of their ids, until
    /// `maximumBytes` of data, but at least one. The position must not lie below the floor.
    func messages(
        of names: [GroupName],
        after position: Int64,
        maximumBytes: Int,
        now: Timestamp
    ) -> [Message] {
        var parts = names.compactMap { name in groups[name]?.messages.suffix(after: position) }.filter { !$0.isEmpty }
        var result: [Message] = []
        var size = 0
        while let next = parts.indices.min(by: { parts[$0].sequence < parts[$1].sequence }) {
            guard let message = parts[next].popFirst() else { break }
            if !message.isExpired(at: now) {
                size += message.data.readableBytes
                guard result.isEmpty || size <= maximumBytes else { break }
                result.append(message)
            }
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
