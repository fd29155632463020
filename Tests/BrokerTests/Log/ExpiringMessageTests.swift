import Broker
import Testing

/// Messages with a `ttl`.
@Suite(.timeLimit(.minutes(1)))
struct ExpiringMessageTests {
    /// A store with messages 1 to 5, of which 2 and 5 end after ten seconds, 3 after a minute.
    private static func run(_ body: (MessageLog, WallClock) async throws -> Void) async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                for (number, ttl) in [(1, nil), (2, 10), (3, 60), (4, nil), (5, 10)] as [(Int, Int?)] {
                    _ = try await log.publish(.test("\(number)", ttl: ttl.map { .seconds($0) }))
                }
                try await body(log, clock)
            }
        }
    }

    private static func retention(_ log: MessageLog) -> Retention {
        Retention(log: log, logger: LogRecord().logger)
    }

    @Test func `a message tells when it ends`() async throws {
        try await Self.run { log, clock in
            let ends = try await log.history().map(\.expiresAt)
            #expect(ends == [nil, clock.now + .seconds(10), clock.now + .seconds(60), nil, clock.now + .seconds(10)])
            let message = try await log.history()[1]
            #expect(!message.isExpired(at: clock.now + .milliseconds(9999)))
            #expect(message.isExpired(at: clock.now + .seconds(10)))
        }
    }

    @Test func `an ended message leaves history at once`() async throws {
        try await Self.run { log, clock in
            clock.advance(by: .milliseconds(9999))
            #expect(try await log.texts() == ["1", "2", "3", "4", "5"])
            clock.advance(by: .milliseconds(1))
            #expect(try await log.texts() == ["1", "3", "4"])
            #expect(try await log.store.message(2, in: .test) == nil)
            #expect(try await log.delete(2, in: .test) == false)
            let newest = try await log.store.newestMessages(of: .test, before: .max, limit: 2, maximumBytes: .max)
            #expect(newest.messages.map(\.text) == ["3", "4"])
        }
    }

    @Test func `a replay begins with a message that is still there`() async throws {
        try await Self.run { log, clock in
            clock.advance(by: .seconds(10))
            func position(_ start: ReplayStart) async throws -> Int64 {
                try await log.store.position(of: start, in: [.test], through: 5)
            }
            #expect(try await position(.last(1)) == 3)
            #expect(try await position(.last(2)) == 2)
            #expect(try await position(.last(3)) == 0)
            try await log.delete(1, in: .test)
            #expect(try await position(.all) == 2)
            #expect(try await position(.since(clock.now - .seconds(60))) == 2)
            #expect(try await position(.since(clock.now)) == 5)
        }
    }

    /// One that took what ends meanwhile too would never come to anything else while something always ends.
    @Test func `a phase takes what was due when it began`() async throws {
        try await Self.run { log, clock in
            clock.advance(by: .seconds(10))
            let policy = RetentionPolicy()
            var step = try await log.store.sweep(policy, from: .start)
            #expect(step.removed == 2)
            clock.advance(by: .seconds(50))
            step = try await log.store.sweep(policy, from: try #require(step.next))
            #expect(step.removed == 0)
            #expect(step.next.map { $0.phase > SweepCursor.start.phase } == true)
            #expect(try await Self.retention(log).sweepExpired() == 1)
        }
    }

    @Test func `a sweep removes what has ended and nothing else`() async throws {
        try await Self.run { log, clock in
            clock.advance(by: .seconds(10))
            #expect(try await Self.retention(log).sweepExpired() == 2)
            #expect(try await Self.retention(log).sweep() == 0)
            let group = try #require(try await log.store.group(.test))
            #expect(group == StoredGroup(name: .test, messages: 3, first: 1, last: 4))
            clock.advance(by: .seconds(50))
            #expect(try await Self.retention(log).sweep() == 1)
            #expect(try await log.store.group(.test)?.messages == 2)
        }
    }

    @Test func `an ended message is no gap, and its id is not used again`() async throws {
        try await Self.run { log, clock in
            clock.advance(by: .seconds(60))
            try await Self.retention(log).sweep()
            #expect(try await log.removedThrough() == 0)
            #expect(try await log.publish(.test("6")).id?.sequence == 6)
        }
    }

    @Test func `an ended message that retention would take as well is no gap`() async throws {
        try await Self.run { log, clock in
            try await log.delete(1, in: .test)
            clock.advance(by: .seconds(10))
            try await log.purge(.test, through: 2)
            #expect(try await log.removedThrough() == 0)
            try await log.purge(.test, through: 3)
            #expect(try await log.removedThrough() == 3)
        }
    }

    @Test func `subscribers get a message however short its ttl is`() async throws {
        try await Self.run { log, _ in
            let sink = RecordingSink()
            log.join(sink, groups: [.test]) { _ in }
            _ = try await log.publish(.test("short", ttl: .milliseconds(1)))
            #expect(sink.texts == ["short"])
        }
    }

    @Test(arguments: [Duration.zero, .milliseconds(-1), .microseconds(999), .seconds(36_500 * 86_400 + 1)])
    func `a ttl lies between a millisecond and a hundred years`(ttl: Duration) {
        let error = #expect(throws: BrokerError.self) { try MessageDraft.test("a", ttl: ttl) }
        #expect(error?.code == .invalidTTL)
    }
}
