import Foundation
import GRDB
import Testing

@testable import Broker

/// What the database does not take is refused, nothing of it is published, and the writer goes on by itself.
@Suite(.timeLimit(.minutes(1)))
struct FailureTests {
    private static func run(
        _ body: (StoreFolder, MessageLog, RecordingSink, LogRecord) async throws -> Void
    ) async throws {
        try await StoreFolder.with { folder in
            let record = LogRecord()
            try await folder.run(.init(busyTimeout: .milliseconds(5), logger: record.logger)) { log in
                let sink = RecordingSink()
                log.join(sink, groups: [.test]) { _ in }
                _ = try await log.publish(.test("before"))
                try await body(folder, log, sink, record)
            }
        }
    }

    /// Nothing of what was refused is seen, and each change of state is logged once.
    private static func expect(_ log: MessageLog, _ sink: RecordingSink, _ record: LogRecord) async throws {
        let after = try await log.publish(.test("after"))
        #expect(after.id?.sequence == 2)
        #expect(sink.texts == ["before", "after"])
        #expect(try await log.texts() == ["before", "after"])
        #expect(try await log.store.group(.test)?.messages == 2)
        #expect(record.all.map { String($0.prefix { $0 != ":" }) } == ["error", "notice"])
    }

    @Test func `another process has locked the database`() async throws {
        try await Self.run { folder, log, sink, record in
            let other = try folder.otherConnection()
            try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
            for number in 0..<3 {
                let error = await #expect(throws: BrokerError.self) { try await log.publish(.test("\(number)")) }
                #expect(error?.code == .storeUnavailable)
                #expect(error?.message.contains("locked") == true)
            }
            let error = await #expect(throws: BrokerError.self) { try await log.delete(1, in: .test) }
            #expect(error?.code == .storeUnavailable)
            try await other.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
            try await Self.expect(log, sink, record)
        }
    }

    @Test func `the disk is full`() async throws {
        try await Self.run { folder, log, sink, record in
            let store = try #require(log.store as? SQLiteMessageStore)
            let pages = try await store.database.write { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                try db.execute(sql: "PRAGMA max_page_count = \(pages)")
                return pages
            }
            let big = String(repeating: "x", count: 100_000)
            for _ in 0..<3 {
                let error = await #expect(throws: BrokerError.self) { try await log.publish(.test(big)) }
                #expect(error?.code == .storeUnavailable)
                #expect(error?.message.contains("full") == true)
            }
            await #expect(throws: BrokerError.self) {
                try await log.publish(contentsOf: [.test("small", key: "k"), .test(big)])
            }
            try await store.database.write { db in
                try db.execute(sql: "PRAGMA max_page_count = \(pages + 1000)")
            }
            try await Self.expect(log, sink, record)
            // The key of a publish that failed is free.
            #expect(try await !log.outcome(of: .test("other", key: "k")).get().isReplay)
        }
    }

    @Test func `a commit that fails, fails for all publishers that share it`() async throws {
        try await Self.run { _, log, sink, record in
            let store = try #require(log.store as? SQLiteMessageStore)
            let drafts = try ["a", String(repeating: "x", count: 100_000), "b", "c"].map { try MessageDraft.test($0) }
            let (outcomes, arrived) = AsyncStream.makeStream(of: MessageLog.Outcome.self)
            let pages = try await store.database.writeWithoutTransaction { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                try db.execute(sql: "PRAGMA max_page_count = \(pages)")
                // On the writer, which takes the next batch when this is over: all of them.
                for draft in drafts { log.publish(draft, on: nil) { arrived.yield($0) } }
                #expect(log.waitingPublishes == drafts.count)
                return pages
            }
            var failures: [BrokerError] = []
            for await outcome in outcomes.prefix(drafts.count) {
                let error = #expect(throws: BrokerError.self) { try outcome.get() }
                if let error { failures.append(error) }
            }
            #expect(failures.map(\.code) == drafts.map { _ in .storeUnavailable })
            #expect(failures.allSatisfy { $0.message.contains("full") })
            #expect(log.frontier.sequence == 1)
            #expect(log.frontier.sequence == 1)
            try await store.database.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA max_page_count = \(pages + 1000)")
            }
            // The id that the first of them would have had is the next one's.
            try await Self.expect(log, sink, record)
        }
    }

    /// A quota, a limit of the process, a disk that fails: SQLite has one code for them all.
    @Test func `files that cannot be written are named as the cause`() {
        let error = SQLiteFailure.writing(DatabaseError(resultCode: .SQLITE_IOERR_WRITE))
        #expect(error.code == .storeUnavailable)
        #expect(error.message.contains("files cannot be written: nothing was stored"))
    }

    @Test func `a database of a newer version is refused`() async throws {
        try await StoreFolder.with { folder in
            _ = try await folder.run { log in try await log.publish(.test("1")) }
            try await DatabaseQueue(path: folder.database).write { db in
                try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('2 something')")
            }
            let error = await #expect(throws: BrokerError.self) { try await folder.run { _ in } }
            #expect(error?.code == .storeUnusable)
            #expect(error?.message.contains("newer version") == true)
        }
    }
}
