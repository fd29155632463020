import GRDB
import Synchronization
import Testing

@testable import Broker

/// What becomes of groups that have lost all their messages, and how much a sweep looks at.
@Suite(.timeLimit(.minutes(1)))
struct EmptyGroupTests {
    private static let keepOne = RetentionPolicy(rules: [.init(groups: "*", limits: .init(messages: 1))])

    private static func sweep(_ log: MessageLog, _ policy: RetentionPolicy = RetentionPolicy()) async throws -> Int {
        try await Retention(log: log, policy: policy, logger: LogRecord().logger).sweep()
    }

    /// The rows of groups, by name, and what each says was removed.
    private static func rows(_ folder: StoreFolder) throws -> [String: Int64] {
        try DatabaseQueue(path: folder.database).read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT name, removed_through FROM groups")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] as String, $0[1] as Int64) })
        }
    }

    @Test func `groups that were emptied by deletion and by ttl leave nothing`() async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                for number in 0..<700 {
                    _ = try await log.publish(.test("short", in: .named("short-\(number)"), ttl: .seconds(1)))
                }
                let deleted = try await log.publish(.test("deleted", in: .named("deleted")))
                _ = try await log.publish(.test("kept", in: .named("kept")))
                try await log.delete(try #require(deleted.id).sequence, in: .named("deleted"))
                clock.advance(by: .seconds(2))
                _ = try await Self.sweep(log)
                #expect(try Self.rows(folder) == ["kept": 0])
                // The writer has forgotten them too.
                let again = try await log.publish(.test("again", in: .named("short-1")))
                #expect(try await log.history(of: .named("short-1")).map(\.id) == [again.id])
                #expect(try await log.store.group(.named("deleted")) == nil)
            }
            let findings = try DatabaseTools(path: folder.database).check()
            #expect(findings.isEmpty)
        }
    }

    @Test func `a group stays as long as one of its idempotency keys counts`() async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                let draft = try MessageDraft.test("once", ttl: .seconds(1), key: "k")
                let first = try await log.publish(draft)
                clock.advance(by: .seconds(2))
                _ = try await Self.sweep(log)
                let again = try await log.publish(draft)
                #expect(again.id == first.id)
                clock.advance(by: AppendBatch.idempotencyPeriod)
                _ = try await Self.sweep(log)
                #expect(try Self.rows(folder).isEmpty)
                let second = try await log.publish(draft)
                #expect(try #require(second.id).sequence == 2)
            }
        }
    }

    @Test func `what retention or a purge emptied is remembered, up to a limit`() async throws {
        try await StoreFolder.with { folder in
            var configuration = SQLiteMessageStore.Configuration()
            configuration.maximumEmptiedGroups = 3
            try await folder.run(configuration) { log in
                for number in 1...6 {
                    let group = GroupName.named("g\(number)")
                    _ = try await log.publish(.test("\(number)", in: group))
                    try await log.purge(group)
                }
                _ = try await Self.sweep(log)
                #expect(try Self.rows(folder) == ["g4": 4, "g5": 5, "g6": 6])
                #expect(log.store.emptiedGroups == 3)
                // Forgotten: whoever was there before the last that was forgotten may have missed something.
                #expect(try await log.removedThrough(.named("g1")) == 3)
                #expect(try await log.removedThrough(.named("never")) == 3)
                #expect(try await log.removedThrough(.named("g5")) == 5)
                // A group that begins anew still tells it.
                _ = try await log.publish(.test("again", in: .named("g2")))
                #expect(try await log.removedThrough(.named("g2")) == 3)
                _ = try await Self.sweep(log)
                #expect(try Self.rows(folder) == ["g2": 3, "g4": 4, "g5": 5, "g6": 6])
                try await log.delete(7, in: .named("g2"))
                _ = try await Self.sweep(log)
                #expect(try Self.rows(folder) == ["g4": 4, "g5": 5, "g6": 6])
            }
            // And after a restart.
            try await folder.run { log in
                let removed = try await log.removedThrough(.named("g1"))
                #expect(removed == 3)
            }
            let findings = try DatabaseTools(path: folder.database).check()
            #expect(findings.isEmpty)
        }
    }

    /// Publishers never let a group rest while sweeps take its row away.
    @Test func `rows go while publishes to their groups go on`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let sweeper = Task { while !Task.isCancelled { _ = try await Self.sweep(log) } }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for worker in 0..<4 {
                        tasks.addTask {
                            for round in 0..<100 {
                                let group = GroupName.named("g\((worker + round) % 3)")
                                let published = try await log.publish(.test("m", in: group))
                                let sequence = try #require(published.id).sequence
                                #expect(try await log.delete(sequence, in: group))
                            }
                        }
                    }
                    try await tasks.waitForAll()
                }
                sweeper.cancel()
                _ = await sweeper.result
                _ = try await Self.sweep(log)
                #expect(try Self.rows(folder).isEmpty)
            }
            let findings = try DatabaseTools(path: folder.database).check()
            #expect(findings.isEmpty)
        }
    }

    @Test func `a sweep looks only at groups that can have something to remove`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        for round in 0..<2 {
            _ = try await log.publish(contentsOf: (0..<1000).map { try .test("\(round)", in: .named("g\($0)")) })
        }
        #expect(try await Self.sweep(log, Self.keepOne) == 1000)
        // The groups that changed, once more.
        #expect(try await Self.sweep(log, Self.keepOne) == 0)
        let looks = Looks()
        try await store.database.writeWithoutTransaction { db in
            db.trace { event in
                guard case .statement(let statement) = event, statement.sql.hasPrefix("SELECT groups.id") else {
                    return
                }
                looks.count(statement.sql)
            }
        }
        #expect(try await Self.sweep(log, Self.keepOne) == 0)
        #expect(looks.counts == (0, 0))
        _ = try await log.publish(.test("new", in: .named("g7")))
        #expect(try await Self.sweep(log, Self.keepOne) == 1)
        // Once to look, once again to remove.
        #expect(looks.counts == (0, 2))
        #expect(try await log.texts(of: .named("g7")) == ["new"])
        try await store.database.writeWithoutTransaction { $0.trace(options: []) }
        await log.close()
        try await store.close()
    }
}

/// How often groups were looked at.
private final class Looks: Sendable {
    private let looks = Mutex((all: 0, one: 0))

    var counts: (all: Int, one: Int) { looks.withLock { $0 } }

    func count(_ sql: String) {
        looks.withLock { looks in
            if sql.contains("groups.id > ") { looks.all += 1 } else { looks.one += 1 }
        }
    }
}
