/// A pattern for channel names, as in `http.request` or `websocket.send!*`, or for group names.
///
/// `*` stands for any number of characters, `?` for one, `[abc]`, `[a-z]` and `[!a-z]` for one that is, or is not, in the
/// set; everything else for itself. The whole name has to match. These are the patterns of Channels' `channel_capacity`
/// setting, except for its compiled regular expressions.
public struct ChannelPattern: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    enum Element: Hashable {
        case anything
        case one
        case byte(UInt8)
        case set([ClosedRange<UInt8>], isNegated: Bool)

        func matches(_ byte: UInt8) -> Bool {
            switch self {
            case .anything, .one: true
            case .byte(let expected): byte == expected
            case .set(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
            }
        }
    }

    /// The pattern as it was written.
    public let description: String
    /// Names of groups that do not match, whatever the pattern says.
    public private(set) var excluded: Set<GroupName> = []
    let elements: [Element]

    /// Any text is a pattern; a `[` that is never closed stands for itself.
    public init(_ pattern: String) {
        description = pattern
        elements = Self.elements(of: Array(pattern.utf8))
    }

    /// As ``init(_:)``.
    public init(stringLiteral pattern: String) {
        self.init(pattern)
    }

    /// Whether the whole name matches. Takes at most pattern length × name length steps, whatever the pattern.
    public func matches(_ channel: ChannelName) -> Bool { matches(channel.description) }

    /// As for channels; not for those that are ``excluded``.
    public func matches(_ group: GroupName) -> Bool {
        matches(group.description) && (excluded.isEmpty || !excluded.contains(group))
    }

    /// The same pattern, which does not match these groups.
    public func excluding(_ groups: Set<GroupName>) -> ChannelPattern {
        var pattern = self
        pattern.excluded.formUnion(groups)
        return pattern
    }

    public static func == (one: ChannelPattern, other: ChannelPattern) -> Bool {
        one.description == other.description && one.excluded == other.excluded
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(description)
    }

    private func matches(_ name: String) -> Bool {
        // On the way of every message: read where the text lies.
        name.utf8.withContiguousStorageIfAvailable { matches($0) } ?? matches(Array(name.utf8))
    }

    private func matches<Bytes: RandomAccessCollection<UInt8>>(_ name: Bytes) -> Bool where Bytes.Index == Int {
        var (position, element) = (0, 0)
        // Where to go on when what follows the last `*` fails: only the last one needs to be tried again, since an
        // earlier one that takes more leaves less for all that follows.
        var retry: (element: Int, position: Int)?
        while position < name.count {
            if element < elements.count, elements[element] == .anything {
                retry = (element, position)
                element += 1
            } else if element < elements.count, elements[element].matches(name[position]) {
                element += 1
                position += 1
            } else if let last = retry {
                retry = (last.element, last.position + 1)
                element = last.element + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { $0 == .anything }
    }

    private static func elements(of pattern: [UInt8]) -> [Element] {
        var elements: [Element] = []
        var index = 0
        while index < pattern.count {
            switch pattern[index] {
            case UInt8(ascii: "*"):
                elements.append(.anything)
            case UInt8(ascii: "?"):
                elements.append(.one)
            case UInt8(ascii: "["):
                guard let (set, end) = set(in: pattern, after: index) else { fallthrough }
                elements.append(set)
                index = end
            default:
                elements.append(.byte(pattern[index]))
            }
            index += 1
        }
        return elements
    }

    /// The set that begins at a `[`, and where its `]` stands. Nil if there is none. A `]` right at the beginning is a
    /// member of the set.
    private static func set(in pattern: [UInt8], after opening: Int) -> (Element, end: Int)? {
        var first = opening + 1
        let isNegated = first < pattern.count && pattern[first] == UInt8(ascii: "!")
        if isNegated { first += 1 }
        guard first < pattern.count, let end = pattern[(first + 1)...].firstIndex(of: UInt8(ascii: "]")) else {
            return nil
        }
        var ranges: [ClosedRange<UInt8>] = []
        var index = first
        while index < end {
            if index + 2 < end, pattern[index + 1] == UInt8(ascii: "-") {
                // A range that runs backwards holds nothing.
                if pattern[index] <= pattern[index + 2] { ranges.append(pattern[index]...pattern[index + 2]) }
                index += 3
            } else {
                ranges.append(pattern[index]...pattern[index])
                index += 1
            }
        }
        return (.set(ranges, isNegated: isNegated), end)
    }
}
