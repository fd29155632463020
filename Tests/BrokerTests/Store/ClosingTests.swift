import GRDB
import Synchronization
import Testing

@testable import Broker

/// A store and a log that are closed while others write.
@Suite(.timeLimit(.minutes(1)))
struct ClosingTests {
    private static func open(_ folder: StoreFolder) throws -> (SQLiteMessageStore, MessageLog) {
        let store = try SQLiteMessageStore(path: folder.database)
        return (store, try MessageLog(store: store, layer: InMemoryChannelLayer()))
    }

    /// That it was closed in order, and has so many messages.
    private static func expectWhole(_ folder: StoreFolder, _ epoch: Epoch, messages: Int? = nil) async throws {
        try await folder.run { log in
            #expect(log.store.epoch == epoch)
            let count = try await log.history().count
            if let messages { #expect(count == messages) }
        }
    }

    @Test func `publishes that wait are committed and answered before the store closes`() async throws {
        try await StoreFolder.with { folder in
            let (store, log) = try Self.open(folder)
            let outcomes = Mutex<[MessageLog.Outcome]>([])
            for number in 0..<5000 {
                log.publish(try .test("\(number)"), on: nil) { outcome in outcomes.withLock { $0.append(outcome) } }
            }
            await log.close()
            try await store.close()
            let all = outcomes.withLock { $0 }
            #expect(all.count == 5000)
            #expect(all.allSatisfy { (try? $0.get()) != nil })
            try await Self.expectWhole(folder, store.epoch, messages: 5000)
        }
    }

    @Test func `a purge, deletions and a sweep under way end before the store closes, or are refused`() async throws {
        try await StoreFolder.with { folder in
            let (store, log) = try Self.open(folder)
            _ = try await log.publish(contentsOf: (0..<6000).map { try .test("\($0)", in: .named("g-\($0 % 3)")) })
            let policy = RetentionPolicy(rules: [.init(groups: "g-1", limits: .init(messages: 1))])
            let begun = AsyncStream.makeStream(of: Void.self)
            log.observeRemovals { _ in begun.continuation.yield() }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await expectDoneOrClosed { try await log.purge(.named("g-0")) } }
                group.addTask {
                    let retention = Retention(log: log, policy: policy, logger: LogRecord().logger)
                    await expectDoneOrClosed { try await retention.sweep() }
                }
                group.addTask {
                    for sequence in Int64(0)..<500 {
                        await expectDoneOrClosed { try await log.delete(3 * sequence + 3, in: .named("g-2")) }
                    }
                }
                for await _ in begun.stream { break }
                await log.close()
                do { try await store.close() } catch { Issue.record(error) }
            }
            try await Self.expectWhole(folder, store.epoch)
        }
    }

    @Test func `retention that is cancelled in the middle of a pass does not cost the end in order`() async throws {
        try await StoreFolder.with { folder in
            var epochs: Set<Epoch> = []
            for _ in 0..<10 {
                let (store, log) = try Self.open(folder)
                epochs.insert(store.epoch)
                let drafts = try (0..<1000).map { try MessageDraft.test("\($0)", in: .named("g-\($0 % 100)")) }
                _ = try await log.publish(contentsOf: drafts)
                let policy = RetentionPolicy(rules: [.init(groups: "g-*", limits: .init(messages: 1))])
                let begun = AsyncStream.makeStream(of: Void.self)
                log.observeRemovals { _ in begun.continuation.yield() }
                let record = LogRecord()
                let retention = Task { await Retention(log: log, policy: policy, logger: record.logger).run() }
                for await _ in begun.stream { break }
                retention.cancel()
                await retention.value
                await log.close()
                try await store.close()
                #expect(record.all.isEmpty)
            }
            #expect(epochs.count == 1)
        }
    }

    @Test func `what is asked for after the close is refused`() async throws {
        try await StoreFolder.with { folder in
            let (store, log) = try Self.open(folder)
            _ = try await log.publish(.test("1"))
            try await store.close()
            // The log was not closed: it takes the publish, and the store refuses it.
            let publish = await log.outcome(of: try .test("2"))
            #expect(throws: BrokerError.self) { try publish.get() }
            let error = await #expect(throws: BrokerError.self) { try await log.delete(1, in: .test) }
            #expect(error?.code == .closed)
            let read = await #expect(throws: BrokerError.self) { try await log.history() }
            #expect(read?.code == .closed)
            await log.close()
            try await store.close()
            try await Self.expectWhole(folder, store.epoch, messages: 1)
        }
    }
}

private func expectDoneOrClosed<Value>(_ work: () async throws -> Value) async {
    do {
        _ = try await work()
    } catch {
        #expect((error as? BrokerError)?.code == .closed, "\(error)")
    }
}
