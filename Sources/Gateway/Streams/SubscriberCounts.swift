import Broker
import Synchronization

/// How many streams follow each group, over all event loops.
final class SubscriberCounts: Sendable {
    private let counts = Mutex<[GroupName: Int]>([:])

    func add(_ groups: [GroupName]) {
        counts.withLock { counts in
            for group in groups { counts[group, default: 0] += 1 }
        }
    }

    func remove(_ groups: [GroupName]) {
        counts.withLock { counts in
            for group in groups {
                let left = counts[group, default: 0] - 1
                counts[group] = left > 0 ? left : nil
            }
        }
    }

    func count(of group: GroupName) -> Int {
        counts.withLock { $0[group] ?? 0 }
    }

    /// Groups that have subscribers and whose name begins with `prefix` and comes after `after`, by name.
    func groups(prefix: String, after: String) -> [GroupName] {
        counts.withLock { counts in
            // As bytes, as the store compares them: the query may hold any text.
            counts.keys.filter { group in
                let name = group.description.utf8
                return name.starts(with: prefix.utf8) && after.utf8.lexicographicallyPrecedes(name)
            }
        }.sorted()
    }
}
