import Synchronization
import Testing

@testable import Broker

/// The end of a log.
@Suite(.timeLimit(.minutes(1)))
struct LogClosingTests {
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
}
