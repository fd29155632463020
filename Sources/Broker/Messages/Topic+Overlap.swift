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
    /// Whether the name of some group matches both patterns: see ``PatternShape``.
    public func overlaps(_ other: ChannelPattern) -> Bool { PatternShape(self).overlaps(PatternShape(other)) }
}
