/// A pattern of groups, taken apart once to be compared with many names and many patterns.
///
/// What stands for one byte of a name is a *single*; between singles there may be *gaps*, where any text may stand. Sets of
/// places in the pattern are bits of one number: a name has at most 100 bytes, and so has a pattern that can match one.
public struct PatternShape: Sendable {
    /// As it was given.
    public let pattern: ChannelPattern
    /// The bytes that each single stands for.
    private var singles: [NameBytes] = []
    /// Bit n: any text may stand before the single n; the bit behind the last single: at the end.
    private var gaps: UInt128 = 0
    /// By the bytes of names, from the first of ``bytes`` on: which singles stand for that byte. Empty where nothing is kept for
    /// many names.
    private var admitting = [UInt128](repeating: 0, count: Self.bytes.count)
    /// Whether no name matches: it is too long, or one of its sets is empty.
    private var isImpossible = false

    /// Those that names are made of lie here.
    private static let bytes = UInt8(ascii: "-")...UInt8(ascii: "z")

    /// - Parameter pattern: Of any form. Takes some microseconds.
    public init(_ pattern: ChannelPattern) {
        self.pattern = pattern
        for element in pattern.elements {
            guard element != .anything else {
                gaps |= 1 << UInt128(singles.count)
                continue
            }
            let bytes = NameBytes(element)
            guard singles.count < GroupName.maximumLength, !bytes.isEmpty else {
                isImpossible = true
                return
            }
            for byte in Self.bytes where bytes.contains(byte) {
                admitting[Int(byte - Self.bytes.lowerBound)] |= 1 << UInt128(singles.count)
            }
            singles.append(bytes)
        }
    }

    /// The same with a tenth of the memory, to be kept: names are compared as the pattern itself does it.
    public var compact: PatternShape {
        var shape = self
        shape.admitting = []
        return shape
    }

    /// As ``ChannelPattern/matches(_:)-(GroupName)``. Takes a step for each byte of the name.
    public func matches(_ group: GroupName) -> Bool {
        guard !isImpossible else { return false }
        guard !admitting.isEmpty else { return pattern.matches(group) }
        var places: UInt128 = 1
        for byte in group.description.utf8 {
            guard Self.bytes.contains(byte) else { return false }
            places = advanced(places, by: admitting[Int(byte - Self.bytes.lowerBound)])
            if places == 0 { return false }
        }
        return isAtEnd(places) && !pattern.excluded.contains(group)
    }

    /// Whether the name of some group matches both; their ``ChannelPattern/excluded`` groups are not looked at.
    ///
    /// Mostly the beginnings and the ends decide. Only two patterns with gaps that are together longer than a name may be are
    /// compared place by place: as many steps as the product of both lengths.
    public func overlaps(_ other: PatternShape) -> Bool {
        guard !isImpossible, !other.isImpossible, hasCommonBeginning(with: other), hasCommonEnd(with: other) else {
            return false
        }
        switch (gaps == 0, other.gaps == 0) {
        case (true, true): return singles.count == other.singles.count
        case (true, false): return other.matches(someOf: singles)
        case (false, true): return matches(someOf: other.singles)
        case (false, false):
            // A name that has both beginnings, then what stands between of the one and of the other, then both ends.
            let length =
                max(beginning, other.beginning) + middle + other.middle + max(end, other.end)
            return length <= GroupName.maximumLength || shortestCommon(with: other) <= GroupName.maximumLength
        }
    }

    // MARK: Places

    private func advanced(_ places: UInt128, by admitting: UInt128) -> UInt128 {
        (places & gaps) | ((places & admitting) << 1)
    }

    private func isAtEnd(_ places: UInt128) -> Bool { places & (1 << UInt128(singles.count)) != 0 }

    /// Whether a text matches that has one of these bytes at each place.
    private func matches(someOf text: [NameBytes]) -> Bool {
        var places: UInt128 = 1
        for bytes in text {
            var admitted: UInt128 = 0
            for (place, single) in singles.enumerated() where single.haveCommon(bytes) {
                admitted |= 1 << UInt128(place)
            }
            places = advanced(places, by: admitted)
            if places == 0 { return false }
        }
        return isAtEnd(places)
    }

    // MARK: Beginning and end

    /// Singles before the first gap.
    private var beginning: Int { gaps == 0 ? singles.count : gaps.trailingZeroBitCount }
    /// Singles behind the last gap.
    private var end: Int { gaps == 0 ? singles.count : singles.count - (127 - gaps.leadingZeroBitCount) }
    private var middle: Int { singles.count - beginning - end }

    private func hasCommonBeginning(with other: PatternShape) -> Bool {
        zip(singles.prefix(beginning), other.singles.prefix(other.beginning)).allSatisfy { $0.haveCommon($1) }
    }

    private func hasCommonEnd(with other: PatternShape) -> Bool {
        zip(singles.suffix(end).reversed(), other.singles.suffix(other.end).reversed()).allSatisfy { $0.haveCommon($1) }
    }

    /// The length of the shortest text that matches both, or something longer than a name may be.
    private func shortestCommon(with other: PatternShape) -> Int {
        let tooLong = GroupName.maximumLength + 1
        // For each place in the other pattern the shortest text that leads there and to this pattern's place.
        var shortest = [Int](repeating: tooLong, count: other.singles.count + 1)
        shortest[0] = 0
        for place in 0...singles.count {
            var next = [Int](repeating: tooLong, count: shortest.count)
            var isDead = true
            for otherPlace in shortest.indices {
                let length = shortest[otherPlace]
                guard length < tooLong else { continue }
                isDead = false
                if has(gapAt: place), otherPlace < other.singles.count {
                    shortest[otherPlace + 1] = min(shortest[otherPlace + 1], length + 1)
                }
                guard place < singles.count else { continue }
                if other.has(gapAt: otherPlace) { next[otherPlace] = min(next[otherPlace], length + 1) }
                if otherPlace < other.singles.count, singles[place].haveCommon(other.singles[otherPlace]) {
                    next[otherPlace + 1] = min(next[otherPlace + 1], length + 1)
                }
            }
            if isDead { return tooLong }
            if place < singles.count { shortest = next }
        }
        return shortest[other.singles.count]
    }

    private func has(gapAt place: Int) -> Bool { gaps & (1 << UInt128(place)) != 0 }
}

/// Bytes of names, as bits.
private struct NameBytes: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ element: ChannelPattern.Element) {
        for byte in 0x21...0x7E as ClosedRange<UInt8> where NameRule.admits(byte) && element.matches(byte) {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
    }

    var isEmpty: Bool { low == 0 && high == 0 }

    func contains(_ byte: UInt8) -> Bool {
        byte < 64 ? low >> UInt64(byte) & 1 != 0 : high >> UInt64(byte - 64) & 1 != 0
    }

    func haveCommon(_ other: NameBytes) -> Bool { low & other.low != 0 || high & other.high != 0 }
}
