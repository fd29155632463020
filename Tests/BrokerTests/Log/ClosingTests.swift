import Logging
import Synchronization
import Testing

@testable import Broker

/// The order of an end: the log first, then the store.
@Suite(.timeLimit(.minutes(1)))
struct ClosingTests {
    @Test func `closing the log returns when all that waited is committed and answered`() async throws {
        try await StoreFolder.with { folder in
            let store = try SQLiteMessageStore(path: folder.database)
            let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
            let stored = Mutex(0)
            for number in 0..<3000 {
                log.publish(try .test("\(number)"), on: nil) { outcome in
                    if case .success = outcome { stored.withLock { $0 += 1 } }
                }
            }
            await log.close()
            #expect(stored.withLock { $0 } == 3000)
            let refusal = await #expect(throws: BrokerError.self) { try await log.publish(.test("late")) }
            #expect(refusal?.code == .closed)
            await log.close()
            try await store.close()
        }
    }

    @Test func `an idle log is closed at once`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                await log.close()
                async let second: Void = log.close()
                await second
            }
        }
    }

    /// A sweep that is broken off must neither keep a snapshot nor record a commit after the end.
    @Test func `an end in the middle of a sweep is an end in order`() async throws {
        try await StoreFolder.with { folder in
            var epochs: Set<Epoch> = []
            for round in 0..<40 {
                let store = try SQLiteMessageStore(path: folder.database)
                epochs.insert(store.epoch)
                let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
                for number in 0..<20 {
                    _ = try await log.publish(
                        contentsOf: (0..<5).map { try .test("\($0)", in: .named("g-\(number)"), ttl: .milliseconds(1)) }
                    )
                }
                let policy = RetentionPolicy(rules: [.init(groups: "g-*", limits: .init(messages: 1))])
                let sweep = Task {
                    while !Task.isCancelled { _ = try? await log.sweep(policy) }
                }
                let passes = Task {
                    try? await Retention(log: log, policy: policy, logger: .init(label: "test")).sweep()
                }
                for _ in 0..<round { await Task.yield() }
                sweep.cancel()
                passes.cancel()
                _ = await (sweep.value, passes.value)
                await log.close()
                try await store.close()
            }
            #expect(epochs.count == 1)
        }
    }
}
