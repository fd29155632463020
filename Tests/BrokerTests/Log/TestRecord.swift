import Broker
import Synchronization

/// What came, in order.
final class TestRecord<Value: Sendable>: Sendable {
    private let values = Mutex<[[Value]]>([])

    var all: [Value] { values.withLock { $0.flatMap(\.self) } }
    /// How many came with each call.
    var batches: [Int] { values.withLock { $0.map(\.count) } }

    func append(_ new: [Value]) {
        values.withLock { $0.append(new) }
    }
}

extension MessageLog {
    @discardableResult
    func observeRemovals(_ observer: @escaping @Sendable ([Removal]) -> Void) -> LogObservation {
        observe { notice in
            if case .removals(let removals) = notice { observer(removals) }
        }
    }
}

/// Groups, where a test is about nothing else.
extension MessageStore {
    func messages(
        of groups: [GroupName],
        after: Int64,
        through: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        let topics = groups.map(Topic.group)
        return try await messages(of: topics, after: after, through: through, limit: limit, maximumBytes: maximumBytes)
    }

    func newestMessages(
        of group: GroupName,
        before: Int64,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> LogPage {
        try await newestMessages(of: [.group(group)], before: before, limit: limit, maximumBytes: maximumBytes)
    }

    func position(of start: ReplayStart, in groups: [GroupName], through: Int64) async throws(BrokerError) -> Int64 {
        try await position(of: start, in: groups.map(Topic.group), through: through)
    }
}

extension MessageLog {
    func join(_ sink: any ChannelSink, groups: [GroupName], mark: (Int64) -> Void) {
        join(sink, topics: groups.map(Topic.group), mark: mark)
    }
}
