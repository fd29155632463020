import Broker
import Foundation
import Testing

/// What an earlier release has written opens for good: see `Fixtures/README.md`.
@Suite(.timeLimit(.minutes(1)))
struct EarlierReleaseTests {
    /// Half a minute after the last publish: keys are remembered, and the message for an hour is there.
    private static let moment = Timestamp(milliseconds: 1_795_714_500_000)
    private static let epoch = "qq13p883"
    private static let names = ["aged.out", "batch-a", "batch-b", "emptied", "kept.few", "notes", "short"]

    /// A copy of the database, with its lock file.
    private static func with(_ body: (StoreFolder) async throws -> Void) async throws {
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures")
        try await StoreFolder.with { folder in
            for suffix in ["", "-lock"] {
                let bytes = try Data(contentsOf: fixtures.appendingPathComponent("first-release.notify" + suffix))
                try folder.write(bytes, suffix)
            }
            try await body(folder)
        }
    }

    private static func run(
        _ folder: StoreFolder,
        at moment: Timestamp = moment,
        _ body: (MessageLog) async throws -> Void
    ) async throws {
        try await folder.run(.init(clock: { moment })) { log in
            // What a client resumes from is still an id of this database.
            #expect("\(log.store.epoch)" == Self.epoch)
            try await body(log)
        }
    }

    private static func sequences(_ log: MessageLog, _ group: String) async throws -> [Int64] {
        try await log.history(of: .named(group)).compactMap(\.id?.sequence)
    }

    @Test func `every message of the first release is read as it was published`() async throws {
        try await Self.with { folder in
            try await Self.run(folder) { log in
                let notes = try await log.history(of: .named("notes"))
                #expect(notes.compactMap(\.id?.sequence) == [1, 2, 3, 4, 5, 6, 7, 23])
                #expect(
                    notes.map(\.text) == [
                        "plain", "visible\0hidden", "two\nlines", "äöü €", "for a hundred years", "for an hour",
                        "once only", "last",
                    ]
                )
                let other = Message.defaultEvent
                #expect(notes.map(\.event) == [other, other, "greeting", other, other, other, "paid", other])
                #expect(notes.first?.createdAt == Timestamp(milliseconds: 1_795_714_462_702))
                #expect(try await log.texts(of: .named("kept.few")) == ["kept 5", "kept 6", "kept 7"])
                #expect(try await log.texts(of: .named("batch-a")) == ["a1", "a3"])
                #expect(try await log.texts(of: .named("batch-b")) == ["{\"n\":2}"])
                for empty in ["emptied", "aged.out", "short"] {
                    #expect(try await log.history(of: .named(empty)).isEmpty)
                }
                #expect(log.frontier.sequence == 23)
            }
        }
    }

    @Test func `a ttl of the first release ends when it should`() async throws {
        try await Self.with { folder in
            try await Self.run(folder, at: Self.moment + .seconds(3600)) { log in
                let sequences = try await Self.sequences(log, "notes")
                #expect(sequences == [1, 2, 3, 4, 5, 7, 23])
            }
        }
    }

    @Test func `the first release's gaps, and only those, are gaps`() async throws {
        try await Self.with { folder in
            try await Self.run(folder) { log in
                var removed: [String: Int64] = [:]
                for name in Self.names { removed[name] = try await log.removedThrough(.named(name)) }
                // A message that was deleted, or whose ttl has ended, is no gap.
                #expect(removed.filter { $0.value > 0 } == ["kept.few": 13, "aged.out": 18])
            }
        }
    }

    @Test func `the first release's database goes on under its epoch`() async throws {
        try await Self.with { folder in
            try await Self.run(folder) { log in
                #expect(try await log.publish(.test("next", in: .named("notes"))).id?.sequence == 24)
                #expect(try await log.publish(.test("again", in: .named("emptied"))).id?.sequence == 25)
                let page = try await log.store.messages(
                    of: [.named("notes"), .named("kept.few"), .named("emptied")],
                    after: 14,
                    through: .max,
                    limit: 100,
                    maximumBytes: .max
                )
                #expect(page.messages.compactMap(\.id?.sequence) == [15, 16, 23, 24, 25])
                #expect(page.isComplete && page.removedThrough == 13)
            }
            try await Self.run(folder) { log in
                let message = try await log.publish(.test("after a restart"))
                #expect(message.id?.sequence == 26)
            }
            #expect(try DatabaseTools(path: folder.database).check().isEmpty)
        }
    }

    @Test func `the first release's idempotency keys are remembered`() async throws {
        try await Self.with { folder in
            try await Self.run(folder) { log in
                let group = GroupName.named("notes")
                let again = try await log.publish(.test("once only", in: group, event: "paid", key: "order-1042"))
                #expect(again.id?.sequence == 7)
                let deleted = try await log.publish(.test("keyed, then deleted", in: group, key: "order-1043"))
                #expect(deleted.id?.sequence == 9)
                let error = await #expect(throws: BrokerError.self) {
                    try await log.publish(.test("another", in: group, key: "order-1042"))
                }
                #expect(error?.code == .idempotencyKeyReused)
            }
        }
    }

    @Test func `the first release's messages are deleted and swept`() async throws {
        try await Self.with { folder in
            try await Self.run(folder, at: Self.moment + .seconds(3600)) { log in
                #expect(try await log.store.delete(23, in: .named("notes")))
                let rule = RetentionPolicy.Rule(groups: "notes", limits: .init(messages: 2))
                let retention = Retention(log: log, policy: RetentionPolicy(rules: [rule]), logger: LogRecord().logger)
                let removed = try await retention.sweep()
                #expect(removed == 5)
                #expect(try await Self.sequences(log, "notes") == [5, 7])
                #expect(try await Self.sequences(log, "kept.few") == [14, 15, 16])
            }
            #expect(try DatabaseTools(path: folder.database).check().isEmpty)
        }
    }
}
