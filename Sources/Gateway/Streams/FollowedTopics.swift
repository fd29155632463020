import Broker

/// The topics that streams of an event loop follow. A group's messages find theirs by its name, however many there are.
struct FollowedTopics {
    private var groups: [GroupName: FollowedTopic] = [:]
    private var patterns = PatternTable<FollowedTopic>()

    var count: Int { groups.count + patterns.count }

    subscript(_ topic: Topic) -> FollowedTopic? {
        get {
            switch topic {
            case .group(let group): groups[group]
            case .pattern(let pattern): patterns[pattern]
            }
        }
        set {
            switch topic {
            case .group(let group): groups[group] = newValue
            case .pattern(let pattern): patterns[pattern] = newValue
            }
        }
    }

    /// Calls a body for each topic to which a group's messages belong.
    mutating func forEach(of group: GroupName, _ body: (FollowedTopic) -> Void) {
        if let followed = groups[group] { body(followed) }
        if !patterns.isEmpty { patterns.forEach(matching: group, body) }
    }
}
