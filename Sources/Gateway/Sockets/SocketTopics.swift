import Broker

/// What the subscriptions of a WebSocket follow. No group may belong to two of them, since messages say their group and not
/// their subscription. A pure value.
struct SocketTopics: Sendable {
    /// What one subscription asks for, its patterns taken apart once.
    struct Asked: Sendable {
        let groups: [GroupName]
        let patterns: [PatternShape]

        init(_ topics: some Sequence<Topic>) {
            groups = topics.compactMap(\.group)
            patterns = topics.compactMap(\.pattern).map { PatternShape($0) }
        }
    }

    /// What a subscription would share with another.
    struct Overlap: Sendable, Equatable {
        /// As the other follows it.
        let topic: Topic
        let subscription: String
    }

    /// The subscription that follows it.
    private var groups: [GroupName: String] = [:]
    private var patterns: [(shape: PatternShape, subscription: String)] = []

    /// Comparisons that the event loop makes itself: each takes from a few nanoseconds to ten microseconds.
    static let comparisonsOnLoop = 256

    /// How many patterns are followed.
    var patternCount: Int { patterns.count }

    /// How often a name or a pattern is to be compared with a pattern.
    func comparisons(with asked: Asked) -> Int {
        asked.patterns.count * (groups.count + patterns.count) + asked.groups.count * patterns.count
    }

    /// What somebody may not ask for, since it is followed already; nil where all is free.
    func overlap(with asked: Asked) -> Overlap? {
        for group in asked.groups {
            if let subscription = groups[group] { return Overlap(topic: .group(group), subscription: subscription) }
        }
        for (shape, subscription) in patterns
        where asked.patterns.contains(where: { $0.overlaps(shape) }) || asked.groups.contains(where: shape.matches) {
            return Overlap(topic: .pattern(shape.pattern), subscription: subscription)
        }
        guard !asked.patterns.isEmpty else { return nil }
        for (group, subscription) in groups where asked.patterns.contains(where: { $0.matches(group) }) {
            return Overlap(topic: .group(group), subscription: subscription)
        }
        return nil
    }

    mutating func add(_ asked: Asked, of subscription: String) {
        for group in asked.groups { groups[group] = subscription }
        for shape in asked.patterns { patterns.append((shape.compact, subscription)) }
    }

    /// - Parameter topics: All that the subscription follows.
    mutating func remove(_ topics: [Topic], of subscription: String) {
        for group in topics.compactMap(\.group) { groups[group] = nil }
        patterns.removeAll { $0.subscription == subscription }
    }
}
