import DequeModule

/// How much of the store a read looks at, at most.
public enum ReadLength: Sendable {
    /// A few rows, or what lies close to the head of the log: somebody waits for it, and it is soon done.
    case short
    /// Anything else. A read that may look at very much is cut into several, each of which takes its turn.
    case long
}

/// Whose turn it is to read the store. A pure state machine.
///
/// One connection takes short reads only, so these never wait behind long ones; and while short ones come without a
/// pause, one long read may still be under way. Within each length the clients take turns, however much each asks for.
struct ReadSchedule {
    private let readers: Int
    private var short = ReadLine()
    private var long = ReadLine()
    private var running = 0
    private var runningLong = 0
    /// With a single connection both lengths alternate.
    private var wasLong = false

    /// - Parameter readers: How many reads may be under way at the same time.
    init(readers: Int) {
        self.readers = max(1, readers)
    }

    /// How many reads wait.
    var waiting: Int { short.count + long.count }

    /// Puts a read into its line. ``next()`` tells when it begins.
    mutating func add(_ ticket: Int, _ length: ReadLength, of client: ReadClient) {
        switch length {
        case .short: short.add(ticket, of: client)
        case .long: long.add(ticket, of: client)
        }
    }

    /// A read that begins now; nil if none may. To be called after each of the other events until it is nil.
    mutating func next() -> Int? {
        guard running < readers else { return nil }
        let mayBeLong = runningLong < max(1, readers - 1)
        // While no long read is under way it is a long one's turn.
        let prefersLong = runningLong == 0 && (readers > 1 || !wasLong)
        if mayBeLong, prefersLong || short.isEmpty, let ticket = long.next() {
            (running, runningLong, wasLong) = (running + 1, runningLong + 1, true)
            return ticket
        }
        guard let ticket = short.next() else { return nil }
        (running, wasLong) = (running + 1, false)
        return ticket
    }

    /// A read that had begun has ended.
    mutating func ended(_ length: ReadLength) {
        running -= 1
        if length == .long { runningLong -= 1 }
    }

    /// Nobody wants a read any more.
    ///
    /// - Returns: Whether it was still waiting; it will not begin then.
    mutating func withdraw(_ ticket: Int) -> Bool {
        short.withdraw(ticket) || long.withdraw(ticket)
    }
}

/// Reads that wait, by client. Each operation takes constant time on the average, and what was withdrawn leaves nothing
/// behind that grows.
private struct ReadLine {
    private var waiting: Set<Int> = []
    private var tickets: [ReadClient: Deque<Int>] = [:]
    /// Clients in the order of their turns, each once.
    private var turns: Deque<ReadClient> = []
    /// Withdrawn tickets that lie among the others.
    private var stale = 0

    var count: Int { waiting.count }
    var isEmpty: Bool { waiting.isEmpty }

    mutating func add(_ ticket: Int, of client: ReadClient) {
        waiting.insert(ticket)
        if tickets[client] == nil { turns.append(client) }
        tickets[client, default: []].append(ticket)
    }

    mutating func next() -> Int? {
        while let client = turns.popFirst() {
            guard var own = tickets.removeValue(forKey: client) else { continue }
            while let ticket = own.popFirst() {
                guard waiting.remove(ticket) != nil else {
                    stale -= 1
                    continue
                }
                if !own.isEmpty {
                    tickets[client] = own
                    turns.append(client)
                }
                return ticket
            }
        }
        return nil
    }

    mutating func withdraw(_ ticket: Int) -> Bool {
        guard waiting.remove(ticket) != nil else { return false }
        stale += 1
        if stale > 64, stale > waiting.count { forgetStale() }
        return true
    }

    private mutating func forgetStale() {
        tickets = tickets.compactMapValues { own in
            let left = own.filter(waiting.contains)
            return left.isEmpty ? nil : Deque(left)
        }
        turns.removeAll { tickets[$0] == nil }
        stale = 0
    }
}
