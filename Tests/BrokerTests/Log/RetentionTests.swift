import Broker
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RetentionTests {
    private typealias Limits = RetentionPolicy.Limits

    /// Ten messages of ten bytes each in `test`, one every minute, the last one now.
    private static func run(_ body: (MessageLog, WallClock) async throws -> Void) async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                for number in 1...10 {
                    clock.advance(by: .seconds(60))
                    _ = try await log.publish(.test("message \(number % 10)\(number / 10)"))
                }
                try await body(log, clock)
            }
        }
    }

    private static func sweep(_ log: MessageLog, _ rules: (ChannelPattern, Limits)...) async throws -> Int {
        let policy = RetentionPolicy(rules: rules.map { .init(groups: $0.0, limits: $0.1) })
        return try await Retention(log: log, policy: policy, logger: LogRecord().logger).sweep()
    }

    private static func sequences(_ log: MessageLog, _ group: GroupName = .test) async throws -> [Int64] {
        try await log.history(of: group).compactMap(\.id?.sequence)
    }

    @Test func `nothing is removed by default`() async throws {
        try await Self.run { log, clock in
            clock.advance(by: .seconds(1_000_000_000))
            let removed = try await Self.sweep(log)
            #expect(removed == 0)
            #expect(try await Self.sequences(log) == Array(1...10))
        }
    }

    @Test func `the newest so many are kept`() async throws {
        try await Self.run { log, _ in
            let removed = try await Self.sweep(log, ("*", Limits(messages: 4)))
            #expect(removed == 6)
            #expect(try await Self.sequences(log) == [7, 8, 9, 10])
            #expect(try await log.removedThrough() == 6)
            #expect(
                try await log.store.group(.test) == StoredGroup(name: .test, messages: 4, first: 7, last: 10)
            )
        }
    }

    @Test func `the newest so many bytes are kept`() async throws {
        try await Self.run { log, _ in
            _ = try await Self.sweep(log, ("*", Limits(bytes: 39)))
            #expect(try await Self.sequences(log) == [8, 9, 10])
        }
    }

    @Test func `what is not too old is kept`() async throws {
        try await Self.run { log, clock in
            _ = try await Self.sweep(log, ("*", Limits(age: .seconds(120))))
            #expect(try await Self.sequences(log) == [8, 9, 10])
            clock.advance(by: .seconds(121))
            _ = try await Self.sweep(log, ("*", Limits(age: .seconds(120))))
            #expect(try await Self.sequences(log).isEmpty)
            #expect(try await log.removedThrough() == 10)
            #expect(try await log.publish(.test("11")).id?.sequence == 11)
        }
    }

    @Test func `each limit holds`() async throws {
        try await Self.run { log, _ in
            _ = try await Self.sweep(log, ("*", Limits(age: .seconds(1000), messages: 5, bytes: 25)))
            #expect(try await Self.sequences(log) == [9, 10])
        }
    }

    @Test func `the first rule that matches counts, groups without one keep everything`() async throws {
        try await Self.run { log, _ in
            for name in ["test.long", "test.short", "other"] {
                for number in 0..<3 { _ = try await log.publish(.test("\(number)", in: .named(name))) }
            }
            _ = try await Self.sweep(
                log,
                ("test.long", Limits(messages: 2)),
                ("test*", Limits(messages: 1)),
                ("test", Limits(messages: 0))
            )
            #expect(try await Self.sequences(log, .named("test.long")) == [12, 13])
            #expect(try await Self.sequences(log, .named("test.short")) == [16])
            #expect(try await Self.sequences(log) == [10])
            #expect(try await Self.sequences(log, .named("other")) == [17, 18, 19])
            // A quiet group whose cursor is merely old has missed nothing.
            #expect(try await log.removedThrough(.named("other")) == 0)
        }
    }

    @Test func `a sweep tells what it removed`() async throws {
        try await Self.run { log, _ in
            let told = TestRecord<Removal>()
            log.observeRemovals { told.append($0) }
            _ = try await Self.sweep(log, ("*", Limits(messages: 4)))
            #expect(told.all == [.messages(through: 6, in: .test)])
        }
    }

    @Test func `a sweep goes in small steps`() async throws {
        try await Self.run { log, _ in
            _ = try await log.publish(contentsOf: (0..<3000).map { try .test("\($0)") })
            let policy = RetentionPolicy(rules: [.init(groups: "*", limits: .init(messages: 10))])
            var steps: [Int] = []
            var cursor: SweepCursor? = .start
            while let here = cursor {
                let step = try await log.store.sweep(policy, from: here)
                steps.append(step.removed)
                cursor = step.next
            }
            #expect(steps.filter { $0 > 0 } == [1000, 1000, 1000])
            #expect(try await Self.sequences(log) == Array(3001...3010))
        }
    }

    @Test func `a file stops growing when as much goes as comes`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let text = String(repeating: "x", count: 2000)
                var sizes: [Int] = []
                for _ in 0..<12 {
                    _ = try await log.publish(contentsOf: (0..<500).map { _ in try .test(text) })
                    _ = try await Self.sweep(log, ("*", Limits(messages: 500)))
                    sizes.append(try log.store.sizes().database)
                }
                // A megabyte comes in each round.
                #expect(try #require(sizes.last) <= sizes[4] + 1_000_000)
                #expect(try #require(sizes.last) < 6_000_000)
                _ = try await Self.sweep(log, ("*", Limits(messages: 1)))
                try await folder.checkpoint()
                #expect(try log.store.sizes().database < 2_000_000)
            }
        }
    }

    @Test func `idempotency keys go after a day`() async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                let tools = try DatabaseTools(path: folder.database)
                _ = try await log.publish(contentsOf: (0..<2500).map { try .test("\($0)", key: "\($0)") })
                clock.advance(by: AppendBatch.idempotencyPeriod - .milliseconds(1))
                _ = try await log.publish(.test("late", key: "late"))
                _ = try await Self.sweep(log)
                #expect(try tools.statistics().idempotencyKeys == 2501)
                clock.advance(by: .milliseconds(1))
                _ = try await Self.sweep(log)
                #expect(try tools.statistics().idempotencyKeys == 1)
            }
        }
    }

    @Test func `it runs until it is cancelled`() async throws {
        try await Self.run { log, clock in
            let told = TestRecord<Removal>()
            let (events, event) = AsyncStream<Void>.makeStream()
            log.observeRemovals { removals in
                told.append(removals)
                event.yield()
            }
            let policy = RetentionPolicy(rules: [.init(groups: "*", limits: .init(messages: 10))])
            let retention = Retention(log: log, policy: policy, logger: LogRecord().logger)
            let run = Task { await retention.run(every: .milliseconds(1)) }
            _ = try await log.publish(.test("one more"))
            for await _ in events { break }
            run.cancel()
            await run.value
            #expect(told.all == [.messages(through: 1, in: .test)])
        }
    }
}
