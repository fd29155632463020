import NIOCore
import Synchronization
import Testing

@testable import Broker

@Suite(.timeLimit(.minutes(1)))
struct LogCountersTests {
    @Test func `each message is in one batch`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        try await withThrowingTaskGroup { tasks in
            for number in 0..<50 {
                tasks.addTask { _ = try await log.publish(MessageDraft(group: GroupName("g"), text: "\(number)")) }
            }
            try await tasks.waitForAll()
        }
        try await log.publish(contentsOf: (0..<7).map { try MessageDraft(group: GroupName("g"), text: "\($0)") })
        #expect(log.counters.batchSizes.sum == 57)
        #expect(log.counters.commitTimes.count == log.counters.batchSizes.count)
        #expect(log.counters.commitTimes.sum > 0)
        #expect(log.counters.failedBatches.value == 0)
        #expect(log.waitingPublishBytes == 0)
    }

    @Test func `a batch that the store did not take has failed, and one that was refused has not`() throws {
        let counters = LogCounters()
        counters.batchBegan()
        counters.batchEnded([.failure(BrokerError(.storeUnavailable, "The disk is full."))])
        #expect(counters.failedBatches.value == 1)
        counters.batchBegan()
        counters.batchEnded([.failure(BrokerError(.idempotencyKeyReused, "The key was used."))])
        #expect(counters.failedBatches.value == 1)
        #expect(counters.commitTimes.count == 0)
        #expect(counters.batchSizes.count == 0)
    }
}
