import Dispatch
import GRDB
import Synchronization
import Testing

@testable import Broker

/// Reads of a real store in their turns.
@Suite(.timeLimit(.minutes(1)))
struct ReadTurnsTests {
    /// Reads that stay under way until they are let go.
    private final class HeldReads: Sendable {
        private let begun = Atomic(0)
        private let gate = DispatchSemaphore(value: 0)

        /// Keeps a read's thread.
        func hold() {
            begun.add(1, ordering: .relaxed)
            gate.wait()
        }

        func have(begun count: Int) async throws {
            while begun.load(ordering: .relaxed) < count {
                try Task.checkCancellation()
                await Task.yield()
            }
        }

        func release(_ count: Int) {
            for _ in 0..<count { gate.signal() }
        }
    }

    private func waiting(_ count: Int, _ store: SQLiteMessageStore) async throws {
        while store.waitingReads != count {
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    @Test func `retention goes on while long reads hold their connections`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let store = try #require(log.store as? SQLiteMessageStore)
                for number in 0..<5 { try await log.publish(.test("\(number)")) }
                let held = HeldReads()
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    defer { held.release(2) }
                    for _ in 0..<2 { tasks.addTask { try await store.readTables(.long) { _ in held.hold() } } }
                    try await held.have(begun: 2)
                    let policy = RetentionPolicy(rules: [.init(groups: "*", limits: .init(messages: 2))])
                    let retention = Retention(log: log, policy: policy, logger: LogRecord().logger)
                    #expect(try await retention.sweep() == 3)
                }
            }
        }
    }

    @Test func `what is near the head is read while long reads hold their connections`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let store = try #require(log.store as? SQLiteMessageStore)
                for number in 0..<5 { try await log.publish(.test("\(number)")) }
                let held = HeldReads()
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    defer { held.release(2) }
                    for _ in 0..<2 { tasks.addTask { try await store.readTables(.long) { _ in held.hold() } } }
                    try await held.have(begun: 2)
                    for _ in 0..<20 {
                        tasks.addTask { _ = try await store.position(of: .all, in: [.test], through: 5) }
                    }
                    try await waiting(20, store)
                    let page = try await store.messages(
                        of: [.test],
                        after: 3,
                        through: 5,
                        limit: 1000,
                        maximumBytes: 128 << 10
                    )
                    #expect(page.messages.map(\.text) == ["3", "4"])
                    #expect(try await store.group(.test)?.messages == 5)
                    #expect(store.waitingReads == 20)
                }
                try await waiting(0, store)
            }
        }
    }

    @Test func `a read whose task is cancelled leaves its line, and one under way is interrupted`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let store = try #require(log.store as? SQLiteMessageStore)
                // Would take for ever.
                let endless = """
                    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
                    SELECT count(*) FROM numbers
                    """
                let (begun, begin) = AsyncStream<Void>.makeStream()
                let running = (0..<2).map { _ in
                    Task {
                        try await store.readTables(.long) { db in
                            begin.yield()
                            return try Int.fetchOne(db, sql: endless)
                        }
                    }
                }
                var beginnings = begun.makeAsyncIterator()
                for _ in running { await beginnings.next() }
                let queued = (0..<10).map { _ in
                    Task { try await store.position(of: .all, in: [.test], through: 5) }
                }
                defer { for task in running { task.cancel() } }
                try await waiting(10, store)
                for task in queued { task.cancel() }
                try await waiting(0, store)
                for task in queued { await #expect(throws: BrokerError.self) { try await task.value } }
                for task in running { task.cancel() }
                for task in running { await #expect(throws: BrokerError.self) { try await task.value } }
                // The connections are as before.
                for _ in 0..<10 { #expect(try await store.position(of: .all, in: [.test], through: 0) == 0) }
            }
        }
    }
}
