import Broker

extension PageReads {
    /// A stretch of the log as a feed's streams write it.
    struct Page {
        /// Where it begins.
        let after: Int64
        let piece: Feed.Piece
        let removedThrough: Int64
        /// The position before the oldest message that is still stored.
        let beforeOldest: Int64
        /// The oldest message that is still stored and was published; nil if there is none.
        let oldest: Int64?

        /// The part of it that a stream at a position has not got.
        func suffix(after position: Int64) -> Page {
            Page(
                after: position,
                piece: piece.suffix(after: position),
                removedThrough: removedThrough,
                beforeOldest: beforeOldest,
                oldest: oldest
            )
        }
    }

    /// A page out of what was read after a position. Encodes: not to be called on the event loop.
    static func page(of log: LogPage, after: Int64, through: Int64, style: StreamStyle) -> Page {
        var messages = log.messages
        var end = through
        if !log.isComplete {
            end = log.end ?? boundary(of: messages, after: after)
            messages.removeAll { ($0.id?.sequence ?? 0) > end }
        }
        return Page(
            after: after,
            piece: Feed.Piece(of: messages, style: style, end: end),
            removedThrough: log.removedThrough,
            // The oldest may be committed and not handed over yet; no position lies beyond what was published.
            beforeOldest: log.oldest.map { min($0 - 1, through) } ?? through,
            oldest: log.oldest.flatMap { $0 <= through ? $0 : nil }
        )
    }

    /// Where a page that is not the last one ends: at the roundest number (most trailing zeros) of the second half of what
    /// was read. Readers that began at different places so come to the same boundaries after a page or two.
    static func boundary(of messages: [Message], after: Int64) -> Int64 {
        guard let last = messages.last?.id?.sequence, let middle = messages[messages.count / 2].id?.sequence else {
            return after
        }
        guard last > middle else { return last }
        // The highest bit in which they differ, cleared below, is the roundest number in (middle, last].
        let bit = Int64(63 - (middle ^ last).leadingZeroBitCount)
        return last & ~((1 << bit) - 1)
    }
}

/// Pages in the order in which they begin.
extension [PageReads.Page] {
    /// The one that holds what follows a position.
    func page(at position: Int64) -> PageReads.Page? {
        let place = place(behind: position)
        guard place > 0, self[place - 1].piece.end > position else { return nil }
        return self[place - 1]
    }

    mutating func insert(_ page: PageReads.Page) {
        insert(page, at: place(behind: page.after))
    }

    /// The place of the first that begins behind a position, by bisection.
    private func place(behind position: Int64) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle].after <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
