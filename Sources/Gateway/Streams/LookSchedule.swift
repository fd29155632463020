import NIOCore

/// When to look at which streams of an event loop. A pure state machine.
///
/// Streams lie in slices. Each slice is looked at once in a round, at a moment of its own, so what streams do at a look,
/// heartbeats above all, is spread over the round, however many of them were written to together. The moments stand on a
/// grid: one that comes late does not move those after it.
struct LookSchedule {
    /// Slices of a round.
    static let slices = 32
    /// Looks do not follow each other more closely; shorter rounds have fewer moments.
    private static let shortestDelay = TimeAmount.milliseconds(10)

    /// How long to wait between two calls of ``due(at:)``.
    let delay: TimeAmount
    private let step: Int64
    private let start: NIODeadline
    private var looked: Int64 = 0

    init(round: TimeAmount, start: NIODeadline) {
        self.start = start
        step = max(1, round.nanoseconds / Int64(Self.slices))
        delay = max(.nanoseconds(step), min(round, Self.shortestDelay))
    }

    /// The slices whose moment has come since the last call, each once.
    mutating func due(at now: NIODeadline) -> [Int] {
        let passed = (now - start).nanoseconds / step
        guard passed > looked else { return [] }
        let slices = Int64(Self.slices)
        let first = max(looked, passed - slices)
        looked = passed
        return (first..<passed).map { Int($0 % slices) }
    }
}
