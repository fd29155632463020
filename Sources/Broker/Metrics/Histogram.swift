import Synchronization

/// How values are spread: for each of some fixed bounds, how many values lay at or below it.
///
/// A value costs a search among few bounds and two additions. Nothing locks, so values may come from any thread; figures
/// of one moment need not agree exactly.
public final class Histogram: Sendable {
    /// Ascending. Values beyond the last one are counted, too.
    public let bounds: [Int]
    /// One for each bound, and one for what lies beyond. Each value is in one of them.
    private let counts: [Tally]
    private let total = Tally()

    /// - Parameter bounds: Ascending, in the unit of the values. A dozen is enough: each is a series of its own.
    public init(bounds: [Int]) {
        self.bounds = bounds
        counts = (0...bounds.count).map { _ in Tally() }
    }

    /// Counts a value.
    public func observe(_ value: Int) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index].add(1)
        total.add(value)
    }

    /// What was counted so far.
    public struct Snapshot: Sendable, Hashable {
        /// How many values lay at or below each bound.
        public let cumulative: [Int]
        /// How many values there were.
        public let count: Int
        /// All values together.
        public let sum: Int
    }

    /// What was counted so far. The buckets and the count agree with each other.
    public var snapshot: Snapshot {
        var cumulative: [Int] = []
        var count = 0
        for tally in counts {
            count += tally.value
            cumulative.append(count)
        }
        cumulative.removeLast()
        return Snapshot(cumulative: cumulative, count: count, sum: total.value)
    }

    /// How many values there were.
    public var count: Int { counts.reduce(0) { $0 + $1.value } }

    /// All values together.
    public var sum: Int { total.value }
}

extension Histogram {
    /// Of durations in nanoseconds: from half a millisecond to ten seconds.
    public static func ofDurations() -> Histogram {
        let microseconds = [
            500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
            10_000_000,
        ]
        return Histogram(bounds: microseconds.map { $0 * 1000 })
    }

    /// Of numbers of things: from 1 to 1000.
    public static func ofSizes() -> Histogram {
        Histogram(bounds: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
    }
}
