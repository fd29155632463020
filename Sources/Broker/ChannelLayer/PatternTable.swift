/// Values by pattern, found by the names that match. Only those patterns are tried whose text before the first special
/// character begins the name: with a pattern for each of 10 000 users a message costs a look for each length that there is.
/// And a name that was looked up before costs one look, until the patterns change.
package struct PatternTable<Value> {
    /// Patterns with the same beginning.
    private var entries: [Substring: [ChannelPattern: Value]] = [:]
    /// How many beginnings of a length there are, the shortest length first.
    private var lengths: [(length: Int, beginnings: Int)] = []
    /// How many patterns there are.
    package private(set) var count = 0
    /// What a name finds, as far as that was asked.
    private var known: [GroupName: [Value]] = [:]
    /// Names that are remembered, at most; then it begins anew. Some 100 bytes each.
    private static var maximumKnown: Int { 10_000 }

    package init() {}

    package var isEmpty: Bool { count == 0 }
    package var values: [Value] { entries.values.flatMap(\.values) }

    package subscript(_ pattern: ChannelPattern) -> Value? {
        get { entries[Self.beginning(of: pattern)]?[pattern] }
        set {
            let beginning = Self.beginning(of: pattern)
            let (had, old) = (entries[beginning] != nil, entries[beginning]?[pattern] != nil)
            if let newValue {
                entries[beginning, default: [:]][pattern] = newValue
                if !had { countBeginning(of: beginning.utf8.count, 1) }
            } else if old {
                entries[beginning]?[pattern] = nil
                if entries[beginning]?.isEmpty ?? false {
                    entries[beginning] = nil
                    countBeginning(of: beginning.utf8.count, -1)
                }
            }
            count += (newValue == nil ? 0 : 1) - (old ? 1 : 0)
            if !known.isEmpty { known = [:] }
        }
    }

    /// Calls a body with the value of each pattern that a group's name matches.
    package mutating func forEach(matching group: GroupName, _ body: (Value) -> Void) {
        if let values = known[group] { return values.forEach(body) }
        let found = values(matching: group)
        if known.count >= Self.maximumKnown { known = [:] }
        known[group] = found
        found.forEach(body)
    }

    private func values(matching group: GroupName) -> [Value] {
        var found: [Value] = []
        let name = group.description
        for (length, _) in lengths {
            guard length <= name.utf8.count else { break }
            let end = name.utf8.index(name.startIndex, offsetBy: length)
            for (pattern, value) in entries[name[..<end]] ?? [:] where pattern.matches(group) { found.append(value) }
        }
        return found
    }

    private static func beginning(of pattern: ChannelPattern) -> Substring {
        pattern.literalPrefix ?? pattern.description[...]
    }

    private mutating func countBeginning(of length: Int, _ change: Int) {
        guard let index = lengths.firstIndex(where: { $0.length >= length }) else {
            return lengths.append((length, change))
        }
        guard lengths[index].length == length else { return lengths.insert((length, change), at: index) }
        lengths[index].beginnings += change
        if lengths[index].beginnings == 0 { lengths.remove(at: index) }
    }
}

extension PatternTable: Sendable where Value: Sendable {}
