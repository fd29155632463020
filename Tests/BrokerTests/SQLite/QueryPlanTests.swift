import GRDB
import Synchronization
import Testing

@testable import Broker

/// Every statement finds its rows by index, however many messages there are.
@Suite(.timeLimit(.minutes(1)))
struct QueryPlanTests {
    @Test func `nothing is scanned and nothing is sorted`() async throws {
        let clock = WallClock()
        var configuration = clock.configuration
        configuration.maximumEmptiedGroups = 1
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath, configuration: configuration)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let statements = Statements()
        try await store.database.writeWithoutTransaction { db in
            db.trace { event in
                if case .statement(let statement) = event { statements.insert(statement.sql) }
            }
        }
        try await Self.useEverything(log, clock)
        let plans = try await store.database.writeWithoutTransaction { db in
            db.trace(options: [])
            return try statements.all.map { sql in
                let explanation = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                explanation.setUncheckedArguments(StatementArguments())
                let plan = try Row.fetchAll(explanation).map { $0["detail"] as String }
                return (sql: sql, plan: plan)
            }
        }
        #expect(plans.count > 20)
        for (sql, plan) in plans {
            for step in plan {
                // A union's coroutine and the one row of a subquery are no tables.
                let scansTable = step.hasPrefix("SCAN") && !step.hasPrefix("SCAN (") && step != "SCAN CONSTANT ROW"
                #expect(!scansTable && !step.contains("TEMP B-TREE"), "\(sql): \(plan)")
            }
        }
        try await store.close()
    }

    private static func useEverything(_ log: MessageLog, _ clock: WallClock) async throws {
        let groups = [GroupName.test, .named("other")]
        for ttl in [nil, Duration.seconds(1), .seconds(100)] {
            for group in groups { _ = try await log.publish(.test("a", in: group, ttl: ttl, key: "\(ttl ?? .zero)")) }
        }
        for _ in 0..<2 {
            for start in [ReplayStart.all, .last(2), .since(clock.now)] {
                _ = try await log.store.position(of: start, in: groups, through: 100)
            }
            clock.advance(by: .seconds(10))
        }
        _ = try await log.store.messages(of: groups, after: 0, through: 100, limit: 2, maximumBytes: .max)
        _ = try await log.store.newestMessages(of: .test, before: 100, limit: 2, maximumBytes: .max)
        let topics = [Topic.pattern("t*"), .pattern("*r"), .group(.test)]
        for start in [ReplayStart.all, .last(2), .since(clock.now)] {
            _ = try await log.store.position(of: start, in: topics, through: 100)
        }
        _ = try await log.store.messages(of: topics, after: 0, through: 100, limit: 2, maximumBytes: .max)
        _ = try await log.store.newestMessages(of: topics, before: 100, limit: 2, maximumBytes: .max)
        _ = try await log.store.message(1, in: .test)
        _ = try await log.store.groups(prefix: "t", after: "", limit: 10)
        _ = try await log.store.group(.test)
        let policy = RetentionPolicy(rules: [.init(groups: "*", limits: .init(age: .seconds(9), messages: 1))])
        let retention = Retention(log: log, policy: policy, logger: LogRecord().logger)
        try await retention.sweep()
        clock.advance(by: AppendBatch.idempotencyPeriod)
        try await retention.sweep()
        _ = try await log.publish(.test("b"))
        try await log.delete(7, in: .test)
        for group in groups { try await log.purge(group) }
        _ = try await log.store.messages(of: topics, after: 0, through: 100, limit: 2, maximumBytes: .max)
        for _ in 0..<2 { try await retention.sweep() }
    }
}

private final class Statements: Sendable {
    private let statements = Mutex<Set<String>>([])

    var all: [String] { statements.withLock { $0.sorted() } }

    func insert(_ sql: String) {
        let isPlanned = ["SELECT", "INSERT", "UPDATE", "DELETE"].contains { sql.hasPrefix($0) }
        if isPlanned { statements.withLock { _ = $0.insert(sql) } }
    }
}
