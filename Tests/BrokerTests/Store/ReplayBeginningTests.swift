import Testing

@testable import Broker

/// Where a replay begins, over more messages and groups than are looked at in one turn.
@Suite(.timeLimit(.minutes(1)))
struct ReplayBeginningTests {
    private static let groups = (0..<120).map { GroupName.named("g\($0)") }

    private static func fill(_ log: MessageLog, _ clock: WallClock, ttl: Duration? = nil) async throws {
        for part in 0..<10 {
            try await log.publish(
                contentsOf: (0..<1000).map { number in
                    try .test("", in: groups[(part * 1000 + number) % 120], ttl: number % 3 == 0 ? ttl : nil)
                }
            )
            clock.advance(by: .seconds(1))
        }
    }

    @Test func `the newest are counted over all groups, however many`() async throws {
        let clock = WallClock()
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath, configuration: clock.configuration)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        try await Self.fill(log, clock)
        func position(_ count: Int, _ groups: [GroupName], through: Int64 = 10_000) async throws -> Int64 {
            try await store.position(of: .last(count), in: groups, through: through)
        }
        for count in [1, 20, 4095, 4096, 4097, 8192, 9000, 9999, 10_000, 10_001, .max] {
            #expect(try await position(count, Self.groups) == Int64(max(0, 10_000 - count)))
        }
        for count in [5000, 9000] {
            #expect(try await position(count, Self.groups, through: 9500) == Int64(9500 - count))
        }
        // Every other message.
        let half = (0..<60).map { Self.groups[$0 * 2] }
        #expect(try await position(4500, half) == 10_000 - 9000)
        #expect(try await position(5000, half) == 0)
        #expect(try await position(10, [.named("none")]) == 10_000)
        #expect(try await position(0, Self.groups) == 10_000)
    }

    @Test func `messages whose time has ended are not counted`() async throws {
        let clock = WallClock()
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath, configuration: clock.configuration)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        try await Self.fill(log, clock, ttl: .seconds(100))
        clock.advance(by: .seconds(200))
        // Of each thousand, numbers 0, 3, ..., 999 are gone.
        let kept = (1...10_000).filter { ($0 - 1) % 1000 % 3 != 0 }
        for count in [1, 4096, 6000, 6659] {
            let position = try await store.position(of: .last(count), in: Self.groups, through: 10_000)
            #expect(position == Int64(kept[kept.count - count] - 1))
        }
        // As many as there are, and more than there are.
        for count in [6660, 9000, 20_000] {
            #expect(try await store.position(of: .last(count), in: Self.groups, through: 10_000) == 1)
        }
        #expect(try await store.position(of: .all, in: Self.groups, through: 10_000) == 1)
    }

    @Test func `the first since a time is found in whichever group it is`() async throws {
        let clock = WallClock()
        let start = clock.now
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath, configuration: clock.configuration)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        try await Self.fill(log, clock)
        for second in [0, 3, 9] {
            let since = ReplayStart.since(start + .seconds(second))
            #expect(try await store.position(of: since, in: Self.groups, through: 10_000) == Int64(second * 1000))
        }
        // 3000 is in g0, the last of the groups here.
        let last = Array(Self.groups.dropFirst().prefix(119)) + [Self.groups[0]]
        #expect(try await store.position(of: .since(start + .seconds(3)), in: last, through: 10_000) == 3000)
    }
}
