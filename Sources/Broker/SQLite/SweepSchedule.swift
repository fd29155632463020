import DequeModule
import HeapModule

/// Which groups a sweep looks at. A group can have something to remove only after a publish to it, or when its oldest
/// message has grown too old. A new policy, and the first one, looks at every group once.
struct SweepSchedule {
    /// Groups that are remembered by their row ids, some 50 bytes each. With more of them, each pass looks at all groups.
    let limit: Int

    private var policy: RetentionPolicy?
    private var wholePass = WholePass.needed
    /// Groups that were published to since the pass began.
    private var changed: Set<Int64> = []
    /// What is left of the pass.
    private var pass: Deque<Int64> = []
    private var due: Heap<Due> = []
    /// The times of the groups in `due`. What lies there with another time is of a row that is gone.
    private var scheduled: [Int64: Timestamp] = [:]

    /// A pass over all groups.
    private enum WholePass {
        case needed, underWay, done
    }

    private struct Due: Comparable {
        let time: Timestamp
        let row: Int64

        static func < (one: Due, other: Due) -> Bool {
            (one.time, one.row) < (other.time, other.row)
        }
    }

    init(limit: Int = 1_000_000) {
        self.limit = limit
    }

    /// Begins a pass.
    ///
    /// - Returns: Whether it goes over all groups.
    mutating func begin(_ policy: RetentionPolicy, _ now: Timestamp) -> Bool {
        if policy != self.policy { wholePass = .needed }
        self.policy = policy
        guard wholePass == .done else {
            wholePass = .underWay
            forgetAll()
            return true
        }
        while let first = due.min, first.time < now {
            due.removeMin()
            guard scheduled[first.row] == first.time else { continue }
            scheduled[first.row] = nil
            changed.insert(first.row)
        }
        // Passes that fail leave their rest, with the same groups again and again.
        guard pass.count + changed.count <= limit else {
            giveUp()
            wholePass = .underWay
            return true
        }
        pass.append(contentsOf: changed)
        changed.removeAll()
        return false
    }

    /// Nothing is to be removed from any group: what is published need not be noted.
    mutating func stop() {
        policy = nil
        wholePass = .needed
        forgetAll()
    }

    /// All groups were looked at.
    mutating func endWholePass() {
        if wholePass == .underWay { wholePass = .done }
    }

    /// Notes groups that were published to.
    mutating func note(_ rows: some Sequence<Int64>) {
        guard policy != nil, wholePass != .needed else { return }
        changed.formUnion(rows)
        if changed.count > limit { giveUp() }
    }

    /// The groups to look at next, out of the pass.
    mutating func take(_ count: Int) -> [Int64] {
        defer { pass.removeFirst(min(count, pass.count)) }
        return Array(pass.prefix(count))
    }

    /// Groups that this pass has to look at again, after all others.
    mutating func putBack(_ rows: some Sequence<Int64>) {
        pass.append(contentsOf: rows)
    }

    /// Has a group looked at in the first pass after a time.
    mutating func schedule(_ row: Int64, after time: Timestamp) {
        guard wholePass != .needed, scheduled[row] == nil else { return }
        scheduled[row] = time
        due.insert(Due(time: time, row: row))
        if scheduled.count > limit { return giveUp() }
        if due.count > 2 * scheduled.count + 1000 { due = Heap(scheduled.map { Due(time: $1, row: $0) }) }
    }

    /// The row is gone, and its number may be given to another group.
    mutating func remove(_ row: Int64) {
        changed.remove(row)
        scheduled[row] = nil
    }

    private mutating func giveUp() {
        wholePass = .needed
        forgetAll()
    }

    private mutating func forgetAll() {
        changed = []
        pass = []
        due = []
        scheduled = [:]
    }
}
