import Broker
import NIOCore
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(1)))
struct PublishTogetherTests {
    @Test func `all get ids in a row and reach subscribers in one delivery`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let sink = RecordingSink()
                log.join(sink, groups: [.test, .named("other")]) { _ in }
                let published = try await log.publish(contentsOf: [
                    .test("a"), .test("b", in: .named("other")), .test("c"),
                ])
                #expect(published.map(\.message.id?.sequence) == [1, 2, 3])
                #expect(sink.texts == ["a", "b", "c"])
                #expect(sink.countsAtEnds == [3])
                #expect(try await log.texts() == ["a", "c"])
                #expect(log.frontier.sequence == 3)
            }
        }
    }

    @Test func `one that is refused keeps all from being stored, and is named`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run(log: .init(maximumMessageSize: 10)) { log in
                let sink = RecordingSink()
                log.join(sink, groups: [.test, .named("new")]) { _ in }
                _ = try await log.publish(.test("first", key: "taken"))
                let tooLarge = await #expect(throws: BrokerError.self) {
                    try await log.publish(contentsOf: [.test("a"), .test("far too large")])
                }
                #expect(tooLarge?.code == .messageTooLarge)
                #expect(tooLarge?.index == 1)
                let reused = await #expect(throws: BrokerError.self) {
                    try await log.publish(contentsOf: [
                        .test("a", in: .named("new")), .test("b"), .test("c", key: "taken"), .test("d"),
                    ])
                }
                #expect(reused?.code == .idempotencyKeyReused)
                #expect(reused?.index == 2)
                #expect(sink.texts == ["first"])
                #expect(try await log.store.group(.named("new")) == nil)
                #expect(try await log.store.group(.test)?.messages == 1)
                // The group that was undone is no false memory of the writer's.
                #expect(try await log.publish(.test("e", in: .named("new"))).id?.sequence == 2)
                #expect(try await log.texts(of: .named("new")) == ["e"])
            }
        }
    }

    @Test func `a refused unit does not harm its neighbours`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("first", key: "taken"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<40 {
                        group.addTask { _ = try await log.publish(.test("single \(number)")) }
                        group.addTask {
                            let key = number % 2 == 0 ? "taken" : "key \(number)"
                            let unit = try (0..<3).map {
                                try MessageDraft.test("\(number)-\($0)", key: $0 == 1 ? key : nil)
                            }
                            if number % 2 == 0 {
                                await #expect(throws: BrokerError.self) { try await log.publish(contentsOf: unit) }
                            } else {
                                let ids = try await log.publish(contentsOf: unit).compactMap(\.message.id?.sequence)
                                #expect(ids == [ids[0], ids[0] + 1, ids[0] + 2])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await log.texts().count == 1 + 40 + 20 * 3)
                #expect(try await log.store.group(.test)?.messages == 101)
            }
        }
    }

    @Test func `more than a batch takes stay together`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let drafts = try (0..<2500).map { try MessageDraft.test("\($0)") }
                async let single = log.publish(.test("single"))
                let published = try await log.publish(contentsOf: drafts)
                _ = try await single
                let sequences = published.compactMap(\.message.id?.sequence)
                #expect(sequences == Array(sequences[0]..<(sequences[0] + 2500)))
            }
        }
    }

    @Test func `the answer comes once, on the event loop`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                let loop = MultiThreadedEventLoopGroup.singleton.next()
                let drafts: [MessageDraft] = try [.test("a"), .test("b")]
                let texts = await withCheckedContinuation { done in
                    log.publish(contentsOf: drafts, on: loop) { outcome in
                        loop.assertInEventLoop()
                        done.resume(returning: (try? outcome.get().map(\.message.text)) ?? [])
                    }
                }
                #expect(texts == ["a", "b"])
                #expect(try await log.publish(contentsOf: []).isEmpty)
            }
        }
    }
}
