import Broker
import Synchronization

/// How many streams follow each topic, over all event loops.
final class SubscriberCounts: Sendable {
    private struct State {
        var groups: [GroupName: Int] = [:]
        var patterns = PatternTable<Int>()

        mutating func count(_ change: Int, _ topic: Topic) {
            switch topic {
            case .group(let group):
                let count = groups[group, default: 0] + change
                groups[group] = count > 0 ? count : nil
            case .pattern(let pattern):
                let count = (patterns[pattern] ?? 0) + change
                patterns[pattern] = count > 0 ? count : nil
            }
        }
    }

    private let state = Mutex(State())

    func add(_ topics: [Topic]) {
        state.withLock { state in for topic in topics { state.count(1, topic) } }
    }

    func remove(_ topics: [Topic]) {
        state.withLock { state in for topic in topics { state.count(-1, topic) } }
    }

    /// Streams that get a group's messages: those that follow it by its name, and those whose patterns match. A stream that
    /// names it twice in this way counts twice.
    func count(of group: GroupName) -> Int {
        state.withLock { state in
            var count = state.groups[group] ?? 0
            state.patterns.forEach(matching: group) { count += $0 }
            return count
        }
    }

    /// Groups that are followed by name, whose name begins with `prefix` and comes after `after`, by name.
    func groups(prefix: String, after: String) -> [GroupName] {
        state.withLock { state in
            // As bytes, as the store compares them: the query may hold any text.
            state.groups.keys.filter { group in
                let name = group.description.utf8
                return name.starts(with: prefix.utf8) && after.utf8.lexicographicallyPrecedes(name)
            }
        }.sorted()
    }
}
