import GRDB
import Testing

@testable import Broker

/// What a pattern costs does not grow with the groups that match it.
@Suite(.timeLimit(.minutes(5)))
struct PatternScaleTests {
    @Test func `of 100 000 groups few are looked at`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        for part in 0..<100 {
            try await log.publish(contentsOf: (0..<1000).map { try .test("", in: .named("a.\(part * 1000 + $0)")) })
        }
        try await log.publish(contentsOf: (0..<100).map { try .test("", in: .named("b.\($0)")) })
        // Retention has taken something of each of the first 100 000.
        try await store.write { db in
            try db.execute(sql: "UPDATE groups SET removed_through = id WHERE name >= 'a.' AND name < 'b'")
        }
        func looked(_ pattern: ChannelPattern, after: Int64) async throws -> (removed: Int64, oldest: Int64?, Int) {
            try await store.read { db in
                var groups = PatternGroups(pattern, db)
                return (try groups.removed(beyond: after), try groups.oldest(), groups.looked)
            }
        }
        for after in [Int64(0), 50_000] {
            let all = try await looked("*", after: after)
            #expect(all == (100_000, 1, 2))
            let many = try await looked("a.*", after: after)
            #expect(many.removed == 100_000 && many.oldest == 1 && many.2 <= 4)
            let tenth = try await looked("*7", after: after)
            #expect(tenth.removed == 99_998 && tenth.oldest == 8 && tenth.2 <= 30)
            // Few match: they are found by their names.
            let few = try await looked("b.*", after: after)
            #expect(few.removed == 0 && few.oldest == 100_001 && few.2 <= 500)
            let one = try await looked("a.9999[9]", after: after)
            #expect(one.removed == 100_000 && one.oldest == 100_000 && one.2 <= 40)
        }
        // Without a removal beyond the position, nothing is looked at, whatever the pattern.
        #expect(try await looked("*.none", after: 100_000).removed == 0)
        // A short read gives up where there are many to look at, and is made again as a long one.
        try await store.read { db in
            var groups = PatternGroups("*.none", db, maximumLooks: 1000)
            #expect(throws: PatternGroups.TooMany.self) { try groups.removed(beyond: 0) }
            #expect(groups.looked <= 1002)
        }
        let none = try await store.messages(
            of: [.pattern("*.none")],
            after: 100_099,
            through: 100_100,
            limit: 5,
            maximumBytes: 9
        )
        #expect(none.isComplete && none.messages.isEmpty && none.removedThrough == 0)
        // Nothing is read of a log in which nobody's messages are, and much is passed over where they begin late.
        let late = try await store.messages(
            of: [.pattern("b.*")],
            after: 0,
            through: 100_100,
            limit: 5,
            maximumBytes: .max
        )
        #expect(late.messages.isEmpty && late.end == 100_000)
        let nothing = try await store.messages(
            of: [.pattern("x*")],
            after: 0,
            through: 100_100,
            limit: 5,
            maximumBytes: .max
        )
        #expect(nothing.isComplete && nothing.messages.isEmpty)
        let newest = try await store.newestMessages(of: [.pattern("x*")], before: 100_101, limit: 5, maximumBytes: .max)
        #expect(newest.messages.isEmpty)
        let topics = [Topic.pattern("a.*")]
        let page = try await store.messages(of: topics, after: 99_990, through: 100_100, limit: 5, maximumBytes: .max)
        #expect(page.messages.compactMap { $0.id?.sequence } == [99_991, 99_992, 99_993, 99_994, 99_995])
        await log.close()
        try await store.close()
    }
}
