import Broker

/// The groups that somebody may see, by name: those with messages, and those that are only listened to.
struct GroupListing {
    let log: MessageLog
    let subscribers: SubscriberCounts
    let access: GroupAccess

    /// So many rows are read at a time, once the first look did not find enough.
    private static let step = 1000

    /// - Returns: At most `limit` groups, and whether there are more.
    func page(prefix: String, after: String, limit: Int) async throws(BrokerError) -> ([StoredGroup], hasMore: Bool) {
        var found: [StoredGroup] = []
        for allowed in access.prefixes where found.count <= limit {
            guard let prefix = Self.narrower(prefix, allowed) else { continue }
            try await add(to: &found, prefix: prefix, after: after, limit: limit)
        }
        return (Array(found.prefix(limit)), found.count > limit)
    }

    /// The one of two prefixes that begins with the other; nil where neither does.
    private static func narrower(_ one: String, _ other: String) -> String? {
        if one.utf8.starts(with: other.utf8) { return one }
        return other.utf8.starts(with: one.utf8) ? other : nil
    }

    private func add(
        to found: inout [StoredGroup],
        prefix: String,
        after: String,
        limit: Int
    ) async throws(BrokerError) {
        var listened = subscribers.groups(prefix: prefix, after: after)[...]
        var (after, wanted, isLast) = (after, limit + 1 - found.count, false)
        while !isLast, found.count <= limit {
            let stored = try await log.store.groups(prefix: prefix, after: after, limit: wanted)
            isLast = stored.count < wanted
            for group in stored {
                // A group that is only listened to has no row; it is one all the same.
                while let name = listened.first, name < group.name {
                    append(StoredGroup(name: listened.removeFirst(), messages: 0, first: nil, last: nil), &found)
                }
                if listened.first == group.name { listened.removeFirst() }
                append(group, &found)
            }
            if let last = stored.last { after = last.name.description }
            wanted = Self.step
        }
        while isLast, found.count <= limit, let name = listened.popFirst() {
            append(StoredGroup(name: name, messages: 0, first: nil, last: nil), &found)
        }
    }

    private func append(_ group: StoredGroup, _ found: inout [StoredGroup]) {
        if access.may(group.name) { found.append(group) }
    }
}
