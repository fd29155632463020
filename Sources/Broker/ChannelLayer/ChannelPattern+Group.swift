/// Patterns for names of groups, as people write them in options, tokens and requests.
extension ChannelPattern {
    /// The longest pattern for groups, in bytes.
    public static let maximumGroupPatternLength = GroupName.maximumLength

    /// A pattern for names of groups: 1 to 100 bytes of the characters of names, `*`, `?`, `[a-z]` and `[!a]`.
    ///
    /// Other than ``init(_:)`` it takes only what some name can match: a pattern that matches nothing would do nothing,
    /// without a word.
    ///
    /// - Throws: ``BrokerError`` with the code `invalidName`, whose message names the rule.
    public init(group pattern: some StringProtocol) throws(BrokerError) {
        guard Self.isGroupPattern(Array(pattern.utf8)) else {
            throw BrokerError(
                .invalidName,
                "The pattern \(String(pattern).quotedForPeople) is none for groups. It has 1 to 100 of these: letters, digits, "
                    + "'-', '_', '.', '*' for anything, '?' for one character, '[a-z]' and '[!a]' for one of a set. An "
                    + "example is 'orders.*'."
            )
        }
        self.init(String(pattern))
    }

    /// Whether every name that the other pattern matches belongs to this one, as far as that is plain to see: they are
    /// equal, or this one is literal text and `*`, and the other begins with that text.
    public func covers(_ other: ChannelPattern) -> Bool {
        if description == other.description { return true }
        guard let prefix = literalPrefix, description.utf8.dropFirst(prefix.utf8.count).elementsEqual("*".utf8) else {
            return false
        }
        return other.description.utf8.starts(with: prefix.utf8)
    }

    /// Whether it covers another topic's names: see ``covers(_:)-(ChannelPattern)``.
    public func covers(_ topic: Topic) -> Bool {
        switch topic {
        case .group(let group): matches(group)
        case .pattern(let pattern): covers(pattern)
        }
    }

    /// The text before the first character that stands for others; nil where there is no such character.
    public var literalPrefix: Substring? {
        guard let special = description.utf8.firstIndex(where: { "*?[".utf8.contains($0) }) else { return nil }
        return description[..<special]
    }

    private static func isGroupPattern(_ bytes: [UInt8]) -> Bool {
        guard (1...maximumGroupPatternLength).contains(bytes.count), !NameRule.isStep(bytes) else {
            return false
        }
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"): continue
            case UInt8(ascii: "["): guard takeSet(&rest) else { return false }
            default: guard NameRule.admits(byte) else { return false }
            }
        }
        return true
    }

    /// Takes a set and its `]`.
    private static func takeSet(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
        var members = rest[..<end]
        rest = rest[(end + 1)...]
        if members.first == UInt8(ascii: "!") { members.removeFirst() }
        guard !members.isEmpty else { return false }
        while let first = members.popFirst() {
            guard NameRule.admits(first) else { return false }
            guard members.first == UInt8(ascii: "-"), members.count > 1 else { continue }
            members.removeFirst()
            guard let last = members.popFirst(), NameRule.admits(last), first <= last else { return false }
        }
        return true
    }
}
