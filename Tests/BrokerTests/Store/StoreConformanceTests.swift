import Broker
import NIOCore
import Synchronization
import Testing

/// What every engine behind ``MessageStore`` promises. A new engine is a case of ``Engine``, and passes all of it.
@Suite(.timeLimit(.minutes(1)))
struct StoreConformanceTests {
    enum Engine: CaseIterable {
        case sqliteOnDisk, sqliteInMemory

        /// Runs a body with an empty store whose time is the clock's, and closes it.
        func run(_ body: (any MessageStore, WallClock) async throws -> Void) async throws {
            try await StoreFolder.with { folder in
                let clock = WallClock()
                let path = self == .sqliteOnDisk ? folder.database : SQLiteMessageStore.inMemoryPath
                let store = try SQLiteMessageStore(path: path, configuration: clock.configuration)
                let outcome: Result<Void, any Error>
                do { outcome = .success(try await body(store, clock)) } catch { outcome = .failure(error) }
                try await store.close()
                try outcome.get()
            }
        }
    }

    private static let a = GroupName.named("a")
    private static let b = GroupName.named("b")

    // MARK: Appending

    @Test(arguments: Engine.allCases)
    func `ids ascend in the order of the drafts, within a batch and from batch to batch`(engine: Engine) async throws {
        try await engine.run { store, clock in
            #expect(try store.start { _ in } == 0)
            let results = await store.commit(
                AppendBatch(drafts: [
                    try .test("1", in: Self.a), try .test("2", in: Self.b), try .test("3", in: Self.a),
                ]),
                AppendBatch(drafts: [try .test("4", in: Self.b, event: "named")])
            )
            let published = try results.map { try $0.get() }
            #expect(published.map(\.message.id?.sequence) == [1, 2, 3, 4])
            #expect(published.map(\.message.text) == ["1", "2", "3", "4"])
            #expect(published.allSatisfy { $0.message.id?.epoch == store.epoch && !$0.isReplay })
            #expect(published.allSatisfy { $0.message.createdAt == clock.now })
            #expect(try await store.group(Self.b)?.last == 4)
            #expect(try await store.texts(of: [Self.a, Self.b]) == ["1", "2", "3", "4"])
            #expect(try await store.message(4, in: Self.b)?.event == "named")
        }
    }

    @Test(arguments: Engine.allCases)
    func `a unit is stored together or not at all, and its neighbours are stored`(engine: Engine) async throws {
        try await engine.run { store, _ in
            try await store.publish(.test("first", in: Self.a, key: "k"))
            let drafts = [
                try MessageDraft.test("before", in: Self.a), try .test("in 1", in: Self.b),
                try .test("other data", in: Self.a, key: "k"), try .test("in 3", in: Self.b),
                try .test("after", in: Self.a),
            ]
            let results = await store.commit(AppendBatch(drafts: drafts, units: [1..<4]))
            #expect(results.map { (try? $0.get()) != nil } == [true, false, false, false, true])
            #expect(try await store.texts(of: [Self.a, Self.b]) == ["first", "before", "after"])
            // What was not stored has not used up an id that others could take for a gap.
            #expect(try results.last?.get().message.id?.sequence == 3)
        }
    }

    @Test(arguments: Engine.allCases)
    func `an idempotency key stands for one message of its group, for a day`(engine: Engine) async throws {
        try await engine.run { store, clock in
            let first = try await store.publish(.test("x", in: Self.a, key: "k"))
            let again = try await store.publish(.test("x", in: Self.a, key: "k"))
            #expect(again.isReplay && again.message.id == first.message.id)
            let other = try await store.publish(.test("x", in: Self.b, key: "k"))
            #expect(!other.isReplay)
            await #expect(throws: BrokerError.self) { try await store.publish(.test("y", in: Self.a, key: "k")) }
            // Within one batch, and for a message that is gone.
            #expect(try await store.delete(1, in: Self.a))
            let both = await store.commit(
                AppendBatch(drafts: [try .test("x", in: Self.a, key: "k"), try .test("x", in: Self.a, key: "k")])
            )
            #expect(try both.map { try $0.get().message.id } == [first.message.id, first.message.id])
            clock.advance(by: AppendBatch.idempotencyPeriod)
            #expect(try await !store.publish(.test("y", in: Self.a, key: "k")).isReplay)
        }
    }

    // MARK: Reading

    @Test(arguments: Engine.allCases)
    func `a page merges groups in the order of ids, within its bounds and its limits`(engine: Engine) async throws {
        try await engine.run { store, _ in
            for number in 1...9 {
                try await store.publish(.test("\(number)", in: number % 3 == 0 ? Self.b : Self.a))
            }
            let all = try await store.page(of: [Self.a, Self.b, Self.a])
            #expect(all.messages.map(\.text) == (1...9).map { "\($0)" } && all.isComplete && all.oldest == 1)
            let part = try await store.page(of: [Self.a], after: 2, through: 7)
            #expect(part.messages.map(\.text) == ["4", "5", "7"] && part.isComplete)
            let limited = try await store.page(of: [Self.a], limit: 2)
            #expect(limited.messages.map(\.text) == ["1", "2"] && !limited.isComplete)
            // At least one, whatever its size.
            let small = try await store.page(of: [Self.b], bytes: 0)
            #expect(small.messages.map(\.text) == ["3"] && !small.isComplete)
            let none = try await store.page(of: [.named("none")])
            #expect(none.messages.isEmpty && none.isComplete && none.oldest == nil && none.removedThrough == 0)
            #expect(try await store.page(of: []).messages.isEmpty)
        }
    }

    @Test(arguments: Engine.allCases)
    func `the newest messages come ascending`(engine: Engine) async throws {
        try await engine.run { store, _ in
            for number in 1...5 { try await store.publish(.test("\(number)", in: Self.a)) }
            let newest = try await store.newestMessages(of: Self.a, before: .max, limit: 2, maximumBytes: .max)
            #expect(newest.messages.map(\.text) == ["4", "5"] && !newest.isComplete)
            let before = try await store.newestMessages(of: Self.a, before: 3, limit: 10, maximumBytes: .max)
            #expect(before.messages.map(\.text) == ["1", "2"] && before.isComplete)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a replay begins where it is asked to`(engine: Engine) async throws {
        try await engine.run { store, clock in
            let start = clock.now
            for number in 1...6 {
                try await store.publish(.test("\(number)", in: number % 2 == 0 ? Self.b : Self.a))
                clock.advance(by: .seconds(10))
            }
            func position(_ start: ReplayStart, _ groups: [GroupName], through: Int64 = 6) async throws -> Int64 {
                try await store.position(of: start, in: groups, through: through)
            }
            #expect(try await position(.all, [Self.a, Self.b]) == 0)
            #expect(try await position(.all, [Self.b]) == 1)
            #expect(try await position(.last(2), [Self.a, Self.b]) == 4)
            #expect(try await position(.last(2), [Self.a]) == 2)
            #expect(try await position(.last(100), [Self.a]) == 0)
            #expect(try await position(.since(start + .seconds(15)), [Self.a, Self.b]) == 2)
            #expect(try await position(.since(start + .seconds(3600)), [Self.a]) == 6)
            #expect(try await position(.all, [.named("none")]) == 6)
            #expect(try await position(.all, [Self.b], through: 0) == 0)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a message is found in its own group only`(engine: Engine) async throws {
        try await engine.run { store, _ in
            try await store.publish(.test("1", in: Self.a))
            #expect(try await store.message(1, in: Self.a)?.text == "1")
            #expect(try await store.message(1, in: Self.b) == nil)
            #expect(try await store.message(2, in: Self.a) == nil)
            #expect(try await !store.delete(1, in: Self.b))
        }
    }

    @Test(arguments: Engine.allCases)
    func `groups are listed by name, with what they hold`(engine: Engine) async throws {
        try await engine.run { store, _ in
            for name in ["b", "a.2", "a.1", "a.10"] { try await store.publish(.test("x", in: .named(name))) }
            try await store.publish(.test("x", in: .named("a.1")))
            func names(_ prefix: String, _ after: String = "", _ limit: Int = 10) async throws -> [String] {
                try await store.groups(prefix: prefix, after: after, limit: limit).map(\.name.description)
            }
            #expect(try await names("") == ["a.1", "a.10", "a.2", "b"])
            #expect(try await names("a.") == ["a.1", "a.10", "a.2"])
            #expect(try await names("a.", "a.1", 1) == ["a.10"])
            #expect(
                try await store.group(.named("a.1"))
                    == StoredGroup(name: .named("a.1"), messages: 2, first: 3, last: 5)
            )
            #expect(try await store.group(.named("none")) == nil)
        }
    }

    // MARK: Removing

    @Test(arguments: Engine.allCases)
    func `a deletion is no gap, and its id is never used again`(engine: Engine) async throws {
        try await engine.run { store, _ in
            for number in 1...4 { try await store.publish(.test("\(number)", in: Self.a)) }
            #expect(try await store.delete(4, in: Self.a))
            #expect(try await !store.delete(4, in: Self.a))
            try await store.delete(contentsOf: [1, 9, 2], in: Self.a)
            let page = try await store.page(of: [Self.a])
            #expect(page.messages.map(\.text) == ["3"] && page.removedThrough == 0 && page.oldest == 3)
            #expect(try await store.publish(.test("5", in: Self.a)).message.id?.sequence == 5)
            #expect(try store.start { _ in } == 5)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a removal is a gap for its group, and for no other`(engine: Engine) async throws {
        try await engine.run { store, _ in
            for number in 1...2500 { try await store.publish(.test("", in: number % 2 == 0 ? Self.b : Self.a)) }
            try await store.remove(Self.a, through: 2400)
            let page = try await store.page(of: [Self.a], limit: 1)
            #expect(page.removedThrough == 2399 && page.oldest == 2401)
            #expect(try await store.page(of: [Self.b], limit: 1).removedThrough == 0)
            #expect(try await store.group(Self.a)?.messages == 50)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a message leaves history when its time has ended, and is no gap`(engine: Engine) async throws {
        try await engine.run { store, clock in
            try await store.publish(.test("short", in: Self.a, ttl: .seconds(10)))
            try await store.publish(.test("long", in: Self.a))
            #expect(try await store.texts(of: [Self.a]) == ["short", "long"])
            clock.advance(by: .seconds(10))
            #expect(try await store.texts(of: [Self.a]) == ["long"])
            #expect(try await store.position(of: .all, in: [Self.a], through: 2) == 1)
            #expect(try await store.sweepAll() == 1)
            #expect(try await store.group(Self.a)?.messages == 1)
            #expect(try await store.page(of: [Self.a]).removedThrough == 0)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a sweep removes what the policy does not keep, tells it, and then finds nothing`(engine: Engine) async throws
    {
        try await engine.run { store, clock in
            for number in 1...3000 { try await store.publish(.test("", in: number % 3 == 0 ? Self.b : Self.a)) }
            let policy = RetentionPolicy(rules: [.init(groups: "a", limits: .init(messages: 5))])
            let told = try store.followFeed()
            #expect(try await store.sweepAll(policy) == 1995)
            #expect(told.all.last == "removed through 2992 in a")
            #expect(try await store.group(Self.a)?.messages == 5)
            #expect(try await store.group(Self.b)?.messages == 1000)
            #expect(try await store.sweepAll(policy) == 0)
            try await store.publish(.test("", in: Self.a))
            #expect(try await store.sweepAll(policy) == 1)
            let byAge = RetentionPolicy(rules: [.init(groups: "*", limits: .init(age: .seconds(60)))])
            #expect(try await store.sweepAll(byAge) == 0)
            clock.advance(by: .seconds(61))
            #expect(try await store.sweepAll(byAge) == 1005)
            #expect(try await store.page(of: [Self.b]).removedThrough == 3000)
        }
    }

    // MARK: The feed

    @Test(arguments: Engine.allCases)
    func `the feed hands over what was stored, in order, before it is answered`(engine: Engine) async throws {
        try await engine.run { store, _ in
            try await store.publish(.test("before", in: Self.a, key: "k"))
            let told = try store.followFeed()
            let batch = AppendBatch(
                drafts: [
                    try .test("2", in: Self.a), try .test("before", in: Self.a, key: "k"),
                    try .test("other", in: Self.a, key: "k"), try .test("3", in: Self.b),
                ]
            )
            _ = await store.commit(batch, AppendBatch(drafts: [try .test("4", in: Self.b)])) { results in
                told.append(["answered \(results.count)"])
            }
            // A repeated publish, and one that was refused, hand nothing over.
            _ = await store.commit(AppendBatch(drafts: [try .test("other", in: Self.a, key: "k")]))
            #expect(told.all == ["2, 3 through 3", "answered 4", "4 through 4", "answered 1"])
        }
    }

    @Test(arguments: Engine.allCases)
    func `the feed tells what is removed, in parts of bounded size, and only what was there`(engine: Engine)
        async throws
    {
        try await engine.run { store, _ in
            let drafts = try (1...5000).map { try MessageDraft.test("\($0)", in: $0 > 2500 ? Self.b : Self.a) }
            _ = await store.commit(AppendBatch(drafts: drafts))
            let told = try store.followFeed()
            #expect(try await store.delete(1, in: Self.a))
            #expect(try await !store.delete(1, in: Self.a))
            try await store.delete(contentsOf: Array(1...2500), in: Self.a)
            try await store.remove(Self.b, through: 4000)
            try await store.remove(Self.b, through: 4000)
            #expect(told.all.first == "removed 1 in a")
            #expect(told.all.filter { $0.hasSuffix(" in a") }.count == 2500)
            let parts = told.all.filter { $0.hasSuffix(" in b") }
            #expect(parts.count == 2 && parts.last == "removed through 4000 in b")
            #expect(told.batches.allSatisfy { $0 <= 1000 })
        }
    }

    @Test(arguments: Engine.allCases)
    func `a store has one feed, and nobody takes it away`(engine: Engine) async throws {
        try await engine.run { store, _ in
            let told = try store.followFeed()
            let error = #expect(throws: BrokerError.self) { try store.followFeed() }
            #expect(error?.code == .storeUnusable)
            try await store.publish(.test("1", in: Self.a))
            #expect(told.all == ["1 through 1"])
        }
    }

    @Test(arguments: Engine.allCases)
    func `what is not stored goes through the feed, and nowhere else`(engine: Engine) async throws {
        try await engine.run { store, _ in
            let told = try store.followFeed()
            store.broadcast([Message(group: Self.a, event: "message", data: .init(string: "hello"))])
            #expect(told.all == ["unstored hello"])
            #expect(try await store.texts(of: [Self.a]).isEmpty)
            #expect(try await store.group(Self.a) == nil)
        }
    }

    // MARK: Closing

    @Test(arguments: Engine.allCases)
    func `a store that is closed refuses all, and answers what was asked before`(engine: Engine) async throws {
        try await engine.run { store, _ in
            let results = Mutex<[Result<Published, BrokerError>]>([])
            let batches = Mutex([AppendBatch(drafts: [try .test("1", in: Self.a)])])
            store.append {
                batches.withLock { $0.popLast() }
            } committed: { new in
                results.withLock { $0 += new }
            }
            try await store.close()
            #expect(try results.withLock { $0 }.map { try $0.get().message.text } == ["1"])
            let late = await store.commit(AppendBatch(drafts: [try .test("2", in: Self.a)]))
            let error = #expect(throws: BrokerError.self) { try late.first?.get() }
            #expect(error?.code == .closed)
            let refusal = await #expect(throws: BrokerError.self) { try await store.page(of: [Self.a]) }
            #expect(refusal?.code == .closed)
        }
    }
}

extension MessageStore {
    /// Appends batches, and returns when all are answered.
    fileprivate func commit(
        _ batches: AppendBatch...,
        answered: @escaping @Sendable ([Result<Published, BrokerError>]) -> Void = { _ in }
    ) async -> [Result<Published, BrokerError>] {
        let (steps, step) = AsyncStream<[Result<Published, BrokerError>]>.makeStream()
        let waiting = Mutex(batches)
        append {
            let next = waiting.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if next == nil { step.finish() }
            return next
        } committed: {
            answered($0)
            step.yield($0)
        }
        var results: [Result<Published, BrokerError>] = []
        for await new in steps { results += new }
        return results
    }

    @discardableResult
    fileprivate func publish(_ draft: MessageDraft) async throws -> Published {
        let results = await commit(AppendBatch(drafts: [draft]))
        return try #require(results.first).get()
    }

    fileprivate func page(
        of groups: [GroupName],
        after: Int64 = 0,
        through: Int64 = .max,
        limit: Int = 10_000,
        bytes: Int = .max
    ) async throws -> LogPage {
        try await messages(of: groups, after: after, through: through, limit: limit, maximumBytes: bytes)
    }

    fileprivate func texts(of groups: [GroupName]) async throws -> [String] {
        try await page(of: groups).messages.map(\.text)
    }

    /// A pass over everything.
    fileprivate func sweepAll(
        _ policy: RetentionPolicy = RetentionPolicy()
    ) async throws -> Int {
        var removed = 0
        var cursor: SweepCursor? = .start
        while let here = cursor {
            let step = try await sweep(policy, from: here)
            removed += step.removed
            cursor = step.next
        }
        return removed
    }
}

extension MessageStore {
    /// What the feed tells from now on, each in words.
    fileprivate func followFeed() throws -> TestRecord<String> {
        let told = TestRecord<String>()
        _ = try start { event in
            switch event {
            case .messages(let messages, let through):
                told.append(["\(messages.map(\.text).joined(separator: ", ")) through \(through)"])
            case .removals(let removals):
                told.append(
                    removals.map { removal in
                        switch removal {
                        case .message(let sequence, let group): "removed \(sequence) in \(group)"
                        case .messages(let through, let group): "removed through \(through) in \(group)"
                        }
                    }
                )
            case .unstored(let messages): told.append(messages.map { "unstored \($0.text)" })
            case .skipped(let through): told.append(["skipped through \(through)"])
            }
        }
        return told
    }
}
