import Broker
import Testing

@Suite(.timeLimit(.minutes(1)))
struct IdempotencyTests {
    private static let day = AppendBatch.idempotencyPeriod

    @Test func `a repeated publish gets the first answer and stores nothing`() async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            let first = try await folder.run(clock.configuration) { log in
                try await log.publish(.test("hello", ttl: .seconds(90), key: "k"))
            }
            clock.advance(by: .seconds(60))
            try await folder.run(clock.configuration) { log in
                let sink = RecordingSink()
                log.join(sink, groups: [.test]) { _ in }
                let second = try await log.outcome(of: .test("hello", ttl: .seconds(90), key: "k")).get()
                #expect(second.isReplay)
                #expect(second.message == first)
                #expect(try await log.texts() == ["hello"])
                #expect(sink.texts.isEmpty)
                #expect(log.frontier == first.id)
            }
        }
    }

    @Test func `the answer outlives the message`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let first = try await log.publish(.test("gone", key: "k"))
                try await log.delete(#require(first.id).sequence, in: .test)
                let second = try await log.outcome(of: .test("gone", key: "k")).get()
                #expect(second == Published(first, isReplay: true))
                #expect(try await log.texts().isEmpty)
            }
        }
    }

    @Test(
        arguments: [
            ("other", "greeting", Duration.seconds(5)), ("data", "other", .seconds(5)),
            ("data", "greeting", .seconds(6)),
            ("data", "greeting", nil),
        ] as [(String, String, Duration?)]
    )
    func `a key comes with one event, data and ttl only`(text: String, event: String, ttl: Duration?) async throws {
        try await StoreFolder.with { folder in
            try await folder.run(WallClock().configuration) { log in
                _ = try await log.publish(.test("data", event: "greeting", ttl: .seconds(5), key: "k"))
                let error = await #expect(throws: BrokerError.self) {
                    try await log.publish(.test(text, event: event, ttl: ttl, key: "k"))
                }
                #expect(error?.code == .idempotencyKeyReused)
                #expect(try await log.texts() == ["data"])
            }
        }
    }

    @Test func `a key belongs to its group`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("a", key: "k"))
                let other = try await log.outcome(of: .test("b", in: .named("other"), key: "k")).get()
                #expect(!other.isReplay)
            }
        }
    }

    @Test func `a key is free again after a day`() async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                _ = try await log.publish(.test("a", key: "k"))
                clock.advance(by: Self.day - .milliseconds(1))
                #expect(try await log.outcome(of: .test("a", key: "k")).get().isReplay)
                clock.advance(by: .milliseconds(1))
                #expect(try await !log.outcome(of: .test("b", key: "k")).get().isReplay)
                #expect(try await log.outcome(of: .test("b", key: "k")).get().isReplay)
                #expect(try await log.texts() == ["a", "b"])
            }
        }
    }

    @Test func `two equal keys in one transaction are one message`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let published = try await log.publish(contentsOf: [
                    .test("a", key: "k"), .test("b"), .test("a", key: "k"),
                ])
                #expect(published.map(\.isReplay) == [false, false, true])
                #expect(published[2].message == published[0].message)
                #expect(try await log.texts() == ["a", "b"])
            }
        }
    }

    @Test func `a publish that failed leaves its key free`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("first", key: "taken"))
                // The second draft fails, and takes the first with it, together with its key.
                await #expect(throws: BrokerError.self) {
                    try await log.publish(contentsOf: [.test("a", key: "k"), .test("other", key: "taken")])
                }
                let again = try await log.outcome(of: .test("a", key: "k")).get()
                #expect(!again.isReplay)
                #expect(try await log.texts() == ["first", "a"])
            }
        }
    }

    @Test func `many at once with one key store one message`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let ids = try await withThrowingTaskGroup(of: MessageID?.self) { group in
                    for _ in 0..<50 { group.addTask { try await log.publish(.test("once", key: "k")).id } }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(ids.count == 1)
                #expect(try await log.texts() == ["once"])
            }
        }
    }

    @Test(arguments: ["", String(repeating: "k", count: 256)])
    func `a key has 1 to 255 bytes`(key: String) {
        let error = #expect(throws: BrokerError.self) { try MessageDraft.test("a", key: key) }
        #expect(error?.code == .invalidIdempotencyKey)
    }
}
