import NIOCore

/// How many lines of each kind are written: a stranger who is refused again and again must not fill the log. A pure value.
struct LogQuota<Kind: Hashable> {
    static var period: TimeAmount { .seconds(10) }
    /// Of one kind within a period.
    static var lines: Int { 20 }

    private struct Count {
        let began: NIODeadline
        var written = 0
        var leftOut = 0
    }

    private var counts: [Kind: Count] = [:]

    /// - Returns: Whether to write a line of this kind.
    mutating func take(_ kind: Kind, now: NIODeadline) -> Bool {
        // One that has lines to tell of stays until they are told.
        if let count = counts[kind], count.leftOut == 0, now >= count.began + Self.period { counts[kind] = nil }
        var count = counts[kind] ?? Count(began: now)
        defer { counts[kind] = count }
        guard count.written < Self.lines, count.leftOut == 0 else {
            count.leftOut += 1
            return false
        }
        count.written += 1
        return true
    }

    /// How many lines were left out, of the kinds whose period is over. To be called about once a second.
    mutating func takeLeftOut(now: NIODeadline) -> [(kind: Kind, count: Int)] {
        var told: [(kind: Kind, count: Int)] = []
        for (kind, count) in counts where now >= count.began + Self.period {
            if count.leftOut > 0 { told.append((kind, count.leftOut)) }
            counts[kind] = nil
        }
        return told
    }
}
