/// Names in the order of their bytes, in pieces of at most 512: to put one in or to take one out moves few others, however
/// many there are.
struct SortedNames: Sendable {
    private static let longestPiece = 512

    /// None of them is empty.
    private var pieces: [[UserName]] = []

    /// - Parameter name: One that is not there.
    mutating func insert(_ name: UserName) {
        guard !pieces.isEmpty else { return pieces.append([name]) }
        let piece = max(0, Self.count(pieces) { !(name < $0[0]) } - 1)
        pieces[piece].insert(name, at: Self.count(pieces[piece]) { $0 < name })
        guard pieces[piece].count > Self.longestPiece else { return }
        let half = pieces[piece].count / 2
        let rest = Array(pieces[piece][half...])
        pieces[piece].removeSubrange(half...)
        pieces.insert(rest, at: piece + 1)
    }

    mutating func remove(_ name: UserName) {
        let piece = Self.count(pieces) { !(name < $0[0]) } - 1
        guard piece >= 0 else { return }
        let index = Self.count(pieces[piece]) { $0 < name }
        guard index < pieces[piece].count, pieces[piece][index] == name else { return }
        pieces[piece].remove(at: index)
        if pieces[piece].isEmpty { pieces.remove(at: piece) }
    }

    /// Calls a body for names in their order, until it returns false.
    ///
    /// - Parameter last: Only those after it; nil: all.
    func forEach(after last: UserName?, _ body: (UserName) -> Bool) {
        let first = last.map { last in max(0, Self.count(pieces) { !(last < $0[0]) } - 1) } ?? 0
        for piece in pieces.indices.dropFirst(first) {
            let start = piece == first ? last.map { last in Self.count(pieces[piece]) { !(last < $0) } } ?? 0 : 0
            for name in pieces[piece].dropFirst(start) where !body(name) { return }
        }
    }

    /// How many elements at the beginning have a property, which none has behind them.
    private static func count<Element>(_ elements: [Element], where has: (Element) -> Bool) -> Int {
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = low + (high - low) / 2
            if has(elements[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
