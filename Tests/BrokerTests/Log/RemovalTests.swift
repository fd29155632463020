import Broker
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RemovalTests {
    @Test func `an observation that was cancelled is over, and its observer is let go of`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                final class Observer: Sendable {}
                let told = TestRecord<Removal>()
                weak var observer: Observer?
                let observation: LogObservation
                do {
                    let strong = Observer()
                    observer = strong
                    observation = log.observeRemovals { removals in
                        withExtendedLifetime(strong) { told.append(removals) }
                    }
                }
                log.observeRemovals { told.append($0) }
                observation.cancel()
                #expect(observer == nil)
                _ = try await log.publish(.test("1"))
                try await log.delete(1, in: .test)
                #expect(told.all == [.message(1, in: .test)])
            }
        }
    }

    private static func run(_ body: (MessageLog, @Sendable () -> [Removal]) async throws -> Void) async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                for number in 1...5 { _ = try await log.publish(.test("\(number)")) }
                let told = TestRecord<Removal>()
                log.observeRemovals { told.append($0) }
                try await body(log) { told.all }
            }
        }
    }

    @Test func `a deletion is told before it is answered`() async throws {
        try await Self.run { log, told in
            let wasThere = try await log.delete(3, in: .test)
            #expect(wasThere)
            #expect(told() == [.message(3, in: .test)])
            #expect(try await log.texts() == ["1", "2", "4", "5"])
            #expect(try await log.removedThrough() == 0)
            #expect(try await log.delete(3, in: .test) == false)
            #expect(try await log.delete(4, in: .named("other")) == false)
            #expect(try await log.texts() == ["1", "2", "4", "5"])
        }
    }

    @Test func `a purge is told, and is a gap`() async throws {
        try await Self.run { log, told in
            try await log.purge(.test, through: 3)
            #expect(told() == [.messages(through: 3, in: .test)])
            #expect(try await log.texts() == ["4", "5"])
            #expect(try await log.removedThrough() == 3)
            #expect(
                try await log.store.group(.test) == StoredGroup(name: .test, messages: 2, first: 4, last: 5)
            )
            try await log.purge(.test)
            #expect(told().last == .messages(through: 5, in: .test))
            #expect(try await log.texts().isEmpty)
            #expect(
                try await log.store.group(.test) == StoredGroup(name: .test, messages: 0, first: nil, last: nil)
            )
        }
    }

    @Test func `a purge takes more than one step, and publishes go on`() async throws {
        try await Self.run { log, _ in
            let drafts = try (0..<3500).map { try MessageDraft.test("old \($0)") }
            let last = try #require(try await log.publish(contentsOf: drafts).last?.message.id)
            async let purge: Void = log.purge(.test, through: last.sequence)
            for number in 0..<20 { _ = try await log.publish(.test("new \(number)")) }
            try await purge
            #expect(try await log.texts() == (0..<20).map { "new \($0)" })
            #expect(try await log.removedThrough() == last.sequence)
        }
    }

    @Test func `the id of a removed message is never used again`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                for number in 1...3 { _ = try await log.publish(.test("\(number)")) }
                try await log.delete(3, in: .test)
            }
            try await folder.run { log in
                #expect(log.frontier.sequence == 3)
                #expect(try await log.publish(.test("4")).id?.sequence == 4)
                try await log.purge(.test)
            }
            let fifth = try await folder.run { log in try await log.publish(.test("5")) }
            #expect(fifth.id?.sequence == 5)
        }
    }
}
