extension Topic {
    /// Whether some group belongs to both.
    public func overlaps(_ other: Topic) -> Bool {
        switch (self, other) {
        case (.group(let one), .group(let other)): one == other
        case (.group(let group), .pattern(let pattern)), (.pattern(let pattern), .group(let group)):
            pattern.matches(group)
        case (.pattern(let one), .pattern(let other)): one.overlaps(other)
        }
    }
}

extension ChannelPattern {
    /// Whether the name of some group matches both patterns.
    ///
    /// Takes as many steps as the product of both lengths.
    public func overlaps(_ other: ChannelPattern) -> Bool {
        let (ours, theirs) = (elements.map { NameBytes($0) }, other.elements.map { NameBytes($0) })
        // For each place in both patterns, the shortest text that leads there; each place is led to by earlier ones only.
        let width = theirs.count + 1
        var shortest = [Int](repeating: .max, count: (ours.count + 1) * width)
        shortest[0] = 0
        func reach(_ one: Int, _ two: Int, _ length: Int) {
            shortest[one * width + two] = min(shortest[one * width + two], length)
        }
        for one in 0...ours.count {
            for two in 0...theirs.count {
                let length = shortest[one * width + two]
                guard length < .max else { continue }
                // A '*' may stand for nothing more.
                if one < ours.count, ours[one].isMany { reach(one + 1, two, length) }
                if two < theirs.count, theirs[two].isMany { reach(one, two + 1, length) }
                guard one < ours.count, two < theirs.count, ours[one].haveCommon(theirs[two]) else { continue }
                let (oneStays, twoStays) = (ours[one].isMany, theirs[two].isMany)
                // Two '*' have both ended above; as long as one goes on, the other's next element is what matters.
                if !oneStays || !twoStays { reach(one + (oneStays ? 0 : 1), two + (twoStays ? 0 : 1), length + 1) }
            }
        }
        // Two patterns that both match the empty text match any character, too.
        return shortest[shortest.count - 1] <= GroupName.maximumLength
    }
}

/// The bytes of names that an element of a pattern stands for, as bits.
private struct NameBytes {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    /// Whether it stands for any number of them.
    let isMany: Bool

    init(_ element: ChannelPattern.Element) {
        isMany = element == .anything
        for byte in 0x21...0x7E as ClosedRange<UInt8> where NameRule.admits(byte) && element.matches(byte) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
    }

    func haveCommon(_ other: NameBytes) -> Bool { low & other.low != 0 || high & other.high != 0 }
}
