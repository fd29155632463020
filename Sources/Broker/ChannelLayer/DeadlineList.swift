/// Places of a ``Slab`` in the order of their deadlines. Each operation takes constant time.
///
/// There is no sorting: a place goes to the end, so its deadline must not be before the last one there. That holds where
/// all deadlines are "now" and the same time to live. Unlike in a heap with lazy removal, nothing stays behind of a place
/// that was taken out: who joins and leaves a group all day long costs no memory.
struct DeadlineList: Sendable {
    private struct Node: Sendable {
        var previous: Int?
        var next: Int?
        var deadline: ContinuousClock.Instant
        var isLinked = false
    }

    private var nodes: [Node] = []
    /// The place with the earliest deadline.
    private(set) var first: Int?
    private var last: Int?
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    func contains(_ place: Int) -> Bool {
        place < nodes.count && nodes[place].isLinked
    }

    /// Whether a place that is in the list has reached its deadline.
    func isDue(_ place: Int, at now: ContinuousClock.Instant) -> Bool {
        nodes[place].deadline <= now
    }

    /// The place with the earliest deadline, if that has been reached.
    func firstDue(at now: ContinuousClock.Instant) -> Int? {
        first.flatMap { isDue($0, at: now) ? $0 : nil }
    }

    /// Puts a place to the end, also one that is in the list.
    mutating func append(_ place: Int, deadline: ContinuousClock.Instant) {
        remove(place)
        while nodes.count <= place {
            nodes.append(Node(deadline: deadline))
        }
        nodes[place] = Node(previous: last, deadline: deadline, isLinked: true)
        if let last { nodes[last].next = place } else { first = place }
        last = place
        count += 1
    }

    /// Takes a place out. Does nothing if it is not in the list.
    mutating func remove(_ place: Int) {
        guard contains(place) else { return }
        let (previous, next) = (nodes[place].previous, nodes[place].next)
        if let previous { nodes[previous].next = next } else { first = next }
        if let next { nodes[next].previous = previous } else { last = previous }
        nodes[place].isLinked = false
        count -= 1
        if isEmpty, nodes.count > 1024 { nodes = [] }
    }
}
