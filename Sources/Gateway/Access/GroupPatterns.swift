import Broker

/// The groups that a right is for.
struct GroupPatterns: Sendable, Equatable {
    /// By their whole names: the usual case, for which no pattern is tried.
    private var names: Set<GroupName> = []
    private var patterns: [ChannelPattern] = []
    /// The first text that was no pattern: it grants nothing, and its maker should know.
    private(set) var malformed: String?

    static let none = GroupPatterns([])

    /// - Parameter texts: What is no pattern for groups grants nothing.
    init(_ texts: [String]) {
        for text in texts {
            if let name = try? GroupName(text) {
                names.insert(name)
            } else if let pattern = try? ChannelPattern(group: text) {
                patterns.append(pattern)
            } else if malformed == nil {
                malformed = String(text.prefix(200))
            }
        }
    }

    var isEmpty: Bool { names.isEmpty && patterns.isEmpty }

    /// Some of them for people: `a, b and 3 more`.
    var summary: String {
        let texts = names.map(\.description).sorted() + patterns.map(\.description)
        let rest = texts.count - Self.shown
        return texts.prefix(Self.shown).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    private static let shown = 3

    func cover(_ topic: Topic) -> Bool {
        switch topic {
        case .group(let name): if names.contains(name) { return true }
        // A pattern without special characters is a name.
        case .pattern(let pattern):
            if let name = try? GroupName(pattern.description), names.contains(name) { return true }
        }
        return patterns.contains { $0.covers(topic) }
    }

    func union(_ other: GroupPatterns) -> GroupPatterns {
        var all = self
        all.names.formUnion(other.names)
        all.patterns += other.patterns.filter { !patterns.contains($0) }
        all.malformed = malformed ?? other.malformed
        return all
    }

    /// What the names of all its groups begin with, in their order; none of them begins with another.
    var prefixes: [String] {
        let texts = names.map(\.description) + patterns.map { String($0.literalPrefix ?? "") }
        var prefixes: [String] = []
        for text in texts.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            if let last = prefixes.last, text.utf8.starts(with: last.utf8) { continue }
            prefixes.append(text)
        }
        return prefixes
    }
}
