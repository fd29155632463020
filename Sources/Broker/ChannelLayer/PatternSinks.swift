/// The sinks that follow patterns.
struct PatternSinks: Sendable {
    private var sinks = PatternTable<[any ChannelSink]>()
    /// How many memberships there are.
    private(set) var count = 0

    var isEmpty: Bool { sinks.isEmpty }
    /// A sink is there once for each of its patterns.
    var all: [any ChannelSink] { sinks.values.flatMap(\.self) }

    mutating func add(_ sink: any ChannelSink, _ pattern: ChannelPattern) {
        var members = sinks[pattern] ?? []
        guard !members.contains(where: { $0 === sink }) else { return }
        members.append(sink)
        sinks[pattern] = members
        count += 1
    }

    mutating func remove(_ sink: any ChannelSink, _ pattern: ChannelPattern) {
        guard var members = sinks[pattern], let index = members.firstIndex(where: { $0 === sink }) else { return }
        members.remove(at: index)
        sinks[pattern] = members.isEmpty ? nil : members
        count -= 1
    }

    /// The members of a group, and those whose patterns match its name, each once.
    mutating func adding(to members: [any ChannelSink], for group: GroupName) -> [any ChannelSink] {
        var all = DistinctSinks()
        all.insert(members)
        sinks.forEach(matching: group) { all.insert($0) }
        return all.list
    }
}
