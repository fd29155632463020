/// Values by pattern, found by the names that match. Only those patterns are tried whose text before the first special
/// character begins the name: with a pattern for each of 10 000 users a message costs a look for each length that there is.
package struct PatternTable<Value> {
    private typealias Entry = (pattern: ChannelPattern, value: Value)

    private var entries: [Substring: [Entry]] = [:]
    /// How many beginnings of a length there are, the shortest length first.
    private var lengths: [(length: Int, beginnings: Int)] = []
    /// How many patterns there are.
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }
    package var values: [Value] { entries.values.flatMap { $0.map(\.value) } }

    package subscript(_ pattern: ChannelPattern) -> Value? {
        get { entries[Self.beginning(of: pattern)]?.first { $0.pattern == pattern }?.value }
        set {
            let beginning = Self.beginning(of: pattern)
            var own = entries[beginning] ?? []
            let index = own.firstIndex { $0.pattern == pattern }
            switch (index, newValue) {
            case (let index?, let value?): own[index].value = value
            case (let index?, nil):
                own.remove(at: index)
                count -= 1
            case (nil, let value?):
                own.append((pattern, value))
                count += 1
            case (nil, nil): return
            }
            let had = entries[beginning] != nil
            entries[beginning] = own.isEmpty ? nil : own
            if had == own.isEmpty { countBeginning(of: beginning.utf8.count, had ? -1 : 1) }
        }
    }

    /// Calls a body for each pattern that a group's name matches.
    package func forEach(matching group: GroupName, _ body: (Value) -> Void) {
        let name = group.description
        for (length, _) in lengths {
            guard length <= name.utf8.count else { return }
            let end = name.utf8.index(name.startIndex, offsetBy: length)
            for entry in entries[name[..<end]] ?? [] where entry.pattern.matches(group) { body(entry.value) }
        }
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
