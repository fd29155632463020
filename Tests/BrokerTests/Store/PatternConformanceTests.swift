import Broker
import Synchronization
import Testing

/// What every engine promises of reads for patterns.
@Suite(.timeLimit(.minutes(1)))
struct PatternConformanceTests {
    typealias Engine = StoreConformanceTests.Engine

    private static let names = ["a.1", "a.2", "a.3", "ab", "b.1", "c"]

    /// Topics, and the names that belong to them.
    struct Case: Sendable, CustomTestStringConvertible {
        let topics: [Topic]
        let names: Set<String>
        var testDescription: String { topics.map(\.description).joined(separator: " ") }

        init(_ topics: [Topic], _ names: Set<String>) {
            (self.topics, self.names) = (topics, names)
        }
    }

    static let cases = [
        Case([.pattern("a.*")], ["a.1", "a.2", "a.3"]),
        Case([.pattern("*")], Set(names)),
        Case([.pattern("*.1"), .pattern("b.*")], ["a.1", "b.1"]),
        Case([.group(.named("c")), .pattern("a.[12]")], ["a.1", "a.2", "c"]),
        Case([.group(.named("a.1")), .pattern("a.*")], ["a.1", "a.2", "a.3"]),
        Case([.pattern(ChannelPattern("a*").excluding([.named("a.2")]))], ["a.1", "a.3", "ab"]),
        Case([.pattern("none*")], []),
    ]

    @Test(arguments: Engine.allCases, cases)
    func `a pattern reads as its groups do`(engine: Engine, theCase: Case) async throws {
        try await engine.run { store, clock in
            let start = clock.now
            for number in 1...60 {
                try await store.append(.test("\(number)", in: .named(Self.names[number * 7 % 6])))
                clock.advance(by: .seconds(1))
            }
            let expected = (1...60).filter { theCase.names.contains(Self.names[$0 * 7 % 6]) }
            // Pages of every size join without a gap.
            for limit in [1, 3, 1000] {
                var (after, read) = (Int64(0), [String]())
                while after < 60 {
                    let page = try await store.messages(
                        of: theCase.topics,
                        after: after,
                        through: 60,
                        limit: limit,
                        maximumBytes: .max
                    )
                    read += page.messages.map(\.text)
                    after = page.isComplete ? 60 : page.end ?? page.messages.last?.id?.sequence ?? 60
                }
                #expect(read == expected.map { "\($0)" })
            }
            let part = try await store.messages(
                of: theCase.topics,
                after: 10,
                through: 20,
                limit: 100,
                maximumBytes: .max
            )
            #expect(part.messages.map(\.text) == expected.filter { (11...20).contains($0) }.map { "\($0)" })
            let newest = try await store.newestMessages(
                of: theCase.topics,
                before: 50,
                limit: 4,
                maximumBytes: .max
            )
            let older = expected.filter { $0 < 50 }
            #expect(newest.messages.map(\.text) == older.suffix(4).map { "\($0)" })
            #expect(newest.isComplete == (older.count <= 4))
            func position(_ start: ReplayStart, _ through: Int64 = 60) async throws -> Int64 {
                try await store.position(of: start, in: theCase.topics, through: through)
            }
            #expect(try await position(.all) == Int64((expected.first ?? 61) - 1))
            for count in [1, 5, 1000] {
                #expect(try await position(.last(count)) == Int64((expected.suffix(count).first ?? 61) - 1))
            }
            #expect(try await position(.last(0)) == 60)
            let late = expected.first { $0 > 30 } ?? 61
            #expect(try await position(.since(start + .milliseconds(29_500))) == Int64(late - 1))
            #expect(try await position(.since(start + .seconds(3600))) == 60)
        }
    }

    @Test(arguments: Engine.allCases)
    func `what was removed of a pattern's groups is known, and of others is not`(engine: Engine) async throws {
        try await engine.run { store, clock in
            for number in 1...60 { try await store.append(.test("\(number)", in: .named(Self.names[number % 6]))) }
            // 6, 12, 18, 24, 30.
            try await store.remove(.named("a.1"), through: 30)
            // All, and it is deleted, which is no gap.
            try await store.remove(.named("b.1"), through: .max)
            _ = try await store.delete(1, in: .named("a.2"))
            func removed(_ pattern: ChannelPattern, after: Int64 = 0) async throws -> LogPage {
                try await store.messages(
                    of: [.pattern(pattern)],
                    after: after,
                    through: 60,
                    limit: 1,
                    maximumBytes: .max
                )
            }
            #expect(try await removed("a.*").removedThrough == 30)
            #expect(try await removed("a.*").oldest == 2)
            #expect(try await removed("a.1").oldest == 36)
            #expect(try await removed("b*").removedThrough == 58)
            #expect(try await removed("b*").oldest == nil)
            #expect(try await removed("*").removedThrough == 58)
            #expect(try await removed("a.[23]").removedThrough == 0)
            #expect(try await removed("c*").removedThrough == 0)
            #expect(try await removed("*.1").removedThrough == 58)
            #expect(try await removed(ChannelPattern("*.1").excluding([.named("b.1")])).removedThrough == 30)
            // Looked for only beyond the beginning.
            #expect(try await removed("a.*", after: 30).removedThrough <= 30)
        }
    }

    @Test(arguments: Engine.allCases)
    func `messages whose time has ended are no part of a pattern's history`(engine: Engine) async throws {
        try await engine.run { store, clock in
            for number in 1...6 {
                try await store.append(.test("\(number)", in: .named("a.1"), ttl: number < 4 ? .seconds(1) : nil))
            }
            clock.advance(by: .seconds(2))
            let topics = [Topic.pattern("a.*")]
            let page = try await store.messages(of: topics, after: 0, through: 6, limit: 10, maximumBytes: .max)
            #expect(page.messages.map(\.text) == ["4", "5", "6"])
            #expect(try await store.position(of: .all, in: topics, through: 6) == 3)
            #expect(try await store.position(of: .last(100), in: topics, through: 6) == 3)
        }
    }

    @Test func `a read of a rare pattern ends after a stretch, and says where`() async throws {
        try await Engine.sqliteInMemory.run { store, _ in
            let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
            for _ in 0..<45 {
                try await log.publish(contentsOf: (0..<1000).map { try .test("x", in: .named("other.\($0)")) })
            }
            try await log.publish(.test("found", in: .named("rare.1")))
            let topics = [Topic.pattern("*e.1")]
            var (after, reads, found) = (Int64(0), 0, [String]())
            while after < 45_001 {
                let page = try await store.messages(
                    of: topics,
                    after: after,
                    through: 45_001,
                    limit: 100,
                    maximumBytes: .max
                )
                found += page.messages.map(\.text)
                after = page.isComplete ? 45_001 : try #require(page.end)
                reads += 1
            }
            // The second begins where the first message of them lies.
            #expect(found == ["found"] && reads == 2)
            #expect(try await store.position(of: .all, in: topics, through: 45_001) == 45_000)
            #expect(try await store.position(of: .last(10), in: topics, through: 45_001) == 45_000)
            let newest = try await store.newestMessages(of: topics, before: .max, limit: 5, maximumBytes: .max)
            #expect(newest.messages.map(\.text) == ["found"] && newest.isComplete)
            await log.close()
        }
    }
}

extension MessageStore {
    fileprivate func append(_ draft: MessageDraft) async throws {
        let (steps, step) = AsyncStream<Result<Published, BrokerError>>.makeStream()
        let batches = Mutex([AppendBatch(drafts: [draft])])
        append {
            let next = batches.withLock { $0.popLast() }
            if next == nil { step.finish() }
            return next
        } committed: { results in
            for result in results { step.yield(result) }
        }
        for await result in steps { _ = try result.get() }
    }
}
