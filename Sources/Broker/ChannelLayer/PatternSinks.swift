/// The sinks that follow patterns. Patterns are few: each is compared with the group of every message.
struct PatternSinks: Sendable {
    private var entries: [(pattern: ChannelPattern, sinks: [any ChannelSink])] = []

    var isEmpty: Bool { entries.isEmpty }
    /// How many memberships there are.
    var count: Int { entries.reduce(0) { $0 + $1.sinks.count } }
    /// A sink is there once for each of its patterns.
    var all: [any ChannelSink] { entries.flatMap(\.sinks) }

    mutating func add(_ sink: any ChannelSink, _ pattern: ChannelPattern) {
        guard let index = entries.firstIndex(where: { $0.pattern == pattern }) else {
            return entries.append((pattern, [sink]))
        }
        if !entries[index].sinks.contains(where: { $0 === sink }) { entries[index].sinks.append(sink) }
    }

    mutating func remove(_ sink: any ChannelSink, _ pattern: ChannelPattern) {
        guard let index = entries.firstIndex(where: { $0.pattern == pattern }) else { return }
        entries[index].sinks.removeAll { $0 === sink }
        if entries[index].sinks.isEmpty { entries.remove(at: index) }
    }

    /// The members of a group, and those whose patterns match its name, each once.
    func adding(to members: [any ChannelSink], for group: GroupName) -> [any ChannelSink] {
        var sinks = DistinctSinks()
        sinks.insert(members)
        for entry in entries where entry.pattern.matches(group) { sinks.insert(entry.sinks) }
        return sinks.list
    }
}
