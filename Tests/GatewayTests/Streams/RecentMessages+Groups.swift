import Broker

@testable import Gateway

/// Groups, where a test is about nothing else.
extension RecentMessages {
    mutating func follow(_ group: GroupName, from position: Int64) { follow(.group(group), from: position) }
    mutating func forget(_ group: GroupName) { forget(.group(group)) }
    mutating func add(_ message: Message, in group: GroupName) { add(message, in: .group(group)) }
    func floor(of groups: [GroupName]) -> Int64 { floor(of: groups.map(Topic.group)) }

    mutating func remove(_ removals: [Removal]) {
        for removal in removals { note(removal, in: .group(removal.group)) }
        removeNoted()
    }

    func messages(of groups: [GroupName], after: Int64, maximumBytes: Int, now: Timestamp) -> [Message] {
        messages(of: groups.map(Topic.group), after: after, maximumBytes: maximumBytes, now: now)
    }
}
