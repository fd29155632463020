/// What somebody follows, or may do something with: one group, or all groups whose names match a pattern.
public enum Topic: Hashable, Sendable, CustomStringConvertible {
    case group(GroupName)
    case pattern(ChannelPattern)

    /// Whether messages of a group belong to it.
    public func includes(_ group: GroupName) -> Bool {
        switch self {
        case .group(let name): name == group
        case .pattern(let pattern): pattern.matches(group)
        }
    }

    /// The name of the group, or the pattern as it was written.
    public var description: String {
        switch self {
        case .group(let name): name.description
        case .pattern(let pattern): pattern.description
        }
    }

    /// The group, where it is one.
    public var group: GroupName? {
        if case .group(let name) = self { name } else { nil }
    }

    /// The pattern, where it is one.
    public var pattern: ChannelPattern? {
        if case .pattern(let pattern) = self { pattern } else { nil }
    }
}

/// Groups first, by name; then patterns, as they are written.
extension Topic: Comparable {
    public static func < (one: Topic, other: Topic) -> Bool {
        switch (one, other) {
        case (.group(let one), .group(let other)): one < other
        case (.pattern(let one), .pattern(let other)): one.description < other.description
        case (.group, .pattern): true
        case (.pattern, .group): false
        }
    }
}
