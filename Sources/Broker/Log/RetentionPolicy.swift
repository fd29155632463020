/// How long messages are kept. By default for ever.
public struct RetentionPolicy: Hashable, Sendable {
    /// What a group may keep. Each limit that is given holds: the oldest messages beyond any of them are removed.
    public struct Limits: Hashable, Sendable {
        /// Older messages are removed.
        public var age: Duration?
        /// So many messages are kept, the newest.
        public var messages: Int?
        /// So many bytes of data are kept, of the newest messages.
        public var bytes: Int?

        /// Without arguments: everything is kept.
        public init(age: Duration? = nil, messages: Int? = nil, bytes: Int? = nil) {
            (self.age, self.messages, self.bytes) = (age, messages, bytes)
        }

        var isUnlimited: Bool { age == nil && messages == nil && bytes == nil }
    }

    /// The limits of the groups whose names match a pattern.
    public struct Rule: Hashable, Sendable {
        /// The names that it is about.
        public var groups: ChannelPattern
        /// What they may keep.
        public var limits: Limits

        /// A rule for the groups that match.
        public init(groups: ChannelPattern, limits: Limits) {
            (self.groups, self.limits) = (groups, limits)
        }
    }

    /// The first that matches a group's name counts. A group that none matches keeps everything.
    public var rules: [Rule]

    /// Without rules everything is kept.
    public init(rules: [Rule] = []) {
        self.rules = rules
    }

    /// Whether no group has a limit.
    var removesNothing: Bool { rules.allSatisfy(\.limits.isUnlimited) }

    /// The limits of a group; nil where it keeps everything.
    func limits(for group: GroupName) -> Limits? {
        guard let rule = rules.first(where: { $0.groups.matches(group) }), !rule.limits.isUnlimited else { return nil }
        return rule.limits
    }
}

/// Where a sweep goes on. Opaque but to the store that made it.
public struct SweepCursor: Hashable, Sendable {
    /// The beginning of a pass.
    public static let start = SweepCursor(phase: 0, position: 0)

    /// The kind of thing that is swept. Phase 0 is messages whose `ttl` has ended.
    public let phase: Int
    /// How far the phase has come.
    public let position: Int64

    /// For stores, which know what it means.
    public init(phase: Int, position: Int64) {
        (self.phase, self.position) = (phase, position)
    }
}

/// The result of one step of a sweep.
public struct SweepStep: Hashable, Sendable {
    /// How many messages it removed.
    public let removed: Int
    /// Where the pass goes on; nil when it is complete.
    public let next: SweepCursor?

    /// - Parameter next: Nil when the pass is complete.
    public init(removed: Int = 0, next: SweepCursor?) {
        (self.removed, self.next) = (removed, next)
    }
}
