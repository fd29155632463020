import Broker
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RemovalTests {
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

    @Test func `an observer that was taken back is told nothing more, and is let go`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                for number in 1...5 { _ = try await log.publish(.test("\(number)")) }
                let others = TestRecord<Removal>()
                weak var held: TestRecord<Removal>?
                let observation: RemovalObservation
                do {
                    let told = TestRecord<Removal>()
                    held = told
                    observation = log.observeRemovals { told.append($0) }
                }
                log.observeRemovals { others.append($0) }
                try await log.delete(1, in: .test)
                #expect(held?.all == [.message(1, in: .test)])
                observation.cancel()
                observation.cancel()
                #expect(held == nil)
                try await log.delete(2, in: .test)
                #expect(others.all == [.message(1, in: .test), .message(2, in: .test)])
            }
        }
    }

    @Test func `a deletion whose task is cancelled comes to its end`() async throws {
        try await Self.run { log, told in
            let deletion = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await log.delete(3, in: .test)
            }
            let wasThere = try await deletion.value
            #expect(wasThere)
            #expect(told() == [.message(3, in: .test)])
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

/// What came, in order.
final class TestRecord<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    var all: [Value] { values.withLock { $0 } }

    func append(_ new: [Value]) {
        values.withLock { $0 += new }
    }
}
