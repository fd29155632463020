import Foundation
import GRDB
import Testing

@testable import Broker

/// Ids never come twice under one epoch, whatever happens to the files.
@Suite(.timeLimit(.minutes(1)))
struct EpochTests {
    /// The files of a store that was killed after messages 1 to 5.
    private static func killed(
        _ durability: Durability = .full,
        _ body: (StoreFolder, Epoch) async throws -> Void
    ) async throws {
        try await StoreFolder.with { folder in
            var copy = folder
            let epoch = try await folder.run(.init(durability: durability)) { log in
                for number in 1...5 { _ = try await log.publish(.test("\(number)")) }
                copy = try folder.crashed()
                return log.store.epoch
            }
            try await body(copy, epoch)
        }
    }

    private static func closed(_ body: (StoreFolder, Epoch) async throws -> Void) async throws {
        try await StoreFolder.with { folder in
            let epoch = try await folder.run { log in
                for number in 1...5 { _ = try await log.publish(.test("\(number)")) }
                return log.store.epoch
            }
            try await body(folder, epoch)
        }
    }

    @Test func `an end without warning keeps messages and epoch`() async throws {
        try await Self.killed { folder, epoch in
            try await folder.run { log in
                let texts = try await log.texts()
                #expect(texts == ["1", "2", "3", "4", "5"])
                #expect(log.store.epoch == epoch)
                #expect(try await log.publish(.test("6")).id == MessageID(epoch: epoch, sequence: 6))
            }
        }
    }

    @Test func `a close keeps the epoch, in either durability`() async throws {
        try await Self.closed { folder, epoch in
            for durability in [Durability.normal, .normal, .full, .full] {
                let found = try await folder.run(.init(durability: durability)) { log in
                    _ = try await log.publish(.test("more"))
                    return log.store.epoch
                }
                #expect(found == epoch)
            }
        }
    }

    @Test(arguments: Durability.allCases)
    func `an end without warning in normal durability draws a new epoch`(next: Durability) async throws {
        try await Self.killed(.normal) { folder, epoch in
            let record = LogRecord()
            try await folder.run(.init(durability: next, logger: record.logger)) { log in
                let texts = try await log.texts()
                #expect(texts == ["1", "2", "3", "4", "5"])
                #expect(log.store.epoch != epoch)
            }
            #expect(record.all.count { $0.hasPrefix("warning") } == 1)
        }
    }

    @Test func `removing the shared memory file changes nothing`() async throws {
        try await Self.killed { folder, epoch in
            try folder.write(Data(repeating: 0xAA, count: 32_768), "-shm")
            try await folder.run { log in
                let texts = try await log.texts()
                #expect(texts == ["1", "2", "3", "4", "5"])
                #expect(log.store.epoch == epoch)
            }
        }
    }

    @Test func `a log that is gone draws a new epoch`() async throws {
        try await Self.killed { folder, epoch in
            try FileManager.default.removeItem(atPath: folder.database + "-wal")
            try await Self.expectPrefixOrRefusal(folder, epoch)
        }
    }

    @Test func `a log that is cut draws a new epoch, wherever it is cut`() async throws {
        try await Self.killed { folder, epoch in
            let whole = try folder.bytes("-wal")
            var random = SeededRandom(seed: 7)
            for number in 0..<40 {
                let copy = try folder.crashed("cut-\(number)")
                try copy.write(whole.prefix(Int.random(in: 0..<whole.count, using: &random)), "-wal")
                try await Self.expectPrefixOrRefusal(copy, epoch)
            }
        }
    }

    @Test func `a flipped byte of the log draws a new epoch, wherever it lies`() async throws {
        try await Self.killed { folder, epoch in
            let whole = try folder.bytes("-wal")
            var random = SeededRandom(seed: 11)
            for number in 0..<40 {
                let copy = try folder.crashed("flip-\(number)")
                var damaged = whole
                damaged[Int.random(in: 0..<whole.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                try copy.write(damaged, "-wal")
                try await Self.expectPrefixOrRefusal(copy, epoch)
            }
        }
    }

    /// After damage: the messages before it under a new epoch, or a refusal that says what to do.
    private static func expectPrefixOrRefusal(_ folder: StoreFolder, _ epoch: Epoch) async throws {
        do {
            try await folder.run { log in
                #expect(log.store.epoch != epoch)
                let texts = try await log.texts()
                #expect(texts == Array(["1", "2", "3", "4", "5"].prefix(texts.count)))
                _ = try await log.publish(.test("new"))
            }
        } catch let error as BrokerError {
            #expect(error.code == .storeUnusable)
            #expect(error.message.contains("backup"))
        }
    }

    @Test func `an older copy that is put back draws a new epoch`() async throws {
        try await Self.closed { folder, epoch in
            let old = try folder.bytes()
            try await folder.run { log in
                _ = try await log.publish(.test("6"))
                #expect(log.store.epoch == epoch)
            }
            try folder.write(old)
            try await folder.run { log in
                #expect(log.store.epoch != epoch)
                let sixth = try await log.publish(.test("another 6"))
                #expect(sixth.id == MessageID(epoch: log.store.epoch, sequence: 6))
            }
        }
    }

    @Test func `a copy elsewhere draws a new epoch`() async throws {
        try await Self.closed { folder, epoch in
            try FileManager.default.removeItem(atPath: folder.database + "-lock")
            let found = try await folder.run { log in log.store.epoch }
            #expect(found != epoch)
            let kept = try await folder.run { log in log.store.epoch }
            #expect(kept == found)
        }
    }

    @Test func `a log that began anew before its record was written is trusted`() async throws {
        try await StoreFolder.with { folder in
            var copy = folder
            let epoch = try await folder.run(log: .init(maximumMessageSize: 8 << 20)) { log in
                _ = try await log.publish(.test("1"))
                let record = try folder.bytes("-lock")
                // Enough to be moved into the database, after which the log begins anew.
                for number in 2...3 {
                    _ = try await log.publish(.test(String(repeating: "\(number)", count: 5_000_000)))
                }
                copy = try folder.crashed()
                try copy.write(record, "-lock")
                return log.store.epoch
            }
            try await copy.run { log in
                let count = try await log.history().count
                #expect(count == 3)
                #expect(log.store.epoch == epoch)
            }
        }
    }

    @Test func `a log that a vacuum beside the server began anew several times is trusted`() async throws {
        try await StoreFolder.with { folder in
            var copy = folder
            let epoch = try await folder.run { log in
                // What is left lies between free pages: to move it together takes more than one checkpoint.
                let text = String(repeating: "x", count: 3500)
                for _ in 0..<8 {
                    let drafts = try (0..<1000).map { try MessageDraft.test(text, in: $0 % 2 == 0 ? .test : .other) }
                    _ = try await log.publish(contentsOf: drafts)
                }
                try await log.purge(.test)
                let salt = try folder.firstSalt()
                _ = try await DatabaseTools(path: folder.database).vacuum()
                #expect(try folder.firstSalt() &- salt > 1)
                copy = try folder.crashed()
                return log.store.epoch
            }
            try await copy.run { log in
                let count = try await log.history(of: .other).count
                #expect(count == 4000)
                #expect(log.store.epoch == epoch)
            }
        }
    }

    @Test func `a vacuum tells of the new epoch that it draws`() async throws {
        try await Self.killed(.normal) { folder, epoch in
            let record = LogRecord()
            _ = try await DatabaseTools(path: folder.database).vacuum(logger: record.logger)
            #expect(record.all.count { $0.hasPrefix("warning") && $0.contains("new epoch") } == 1)
            let found = try await folder.run(.init(logger: record.logger)) { log in log.store.epoch }
            #expect(found != epoch)
            #expect(record.all.count == 1)
        }
    }

    @Test func `a server that ends during a vacuum keeps its epoch`() async throws {
        try await Self.killed { folder, epoch in
            // The vacuum meets a server, whose connections are gone when its own is closed.
            let lock = try DatabaseLock(forDatabaseAt: folder.database)
            _ = try await DatabaseTools(path: folder.database).vacuum()
            lock.release()
            try await folder.run { log in
                let texts = try await log.texts()
                #expect(texts == ["1", "2", "3", "4", "5"])
                #expect(log.store.epoch == epoch)
            }
        }
    }

    /// The commit that was recorded was moved to the database before the log began anew, whatever became of it then.
    @Test(arguments: [true, false])
    func `a log that another process began anew, and that was cut then`(isHeaderWhole: Bool) async throws {
        try await Self.killed { folder, epoch in
            let copy = try await folder.otherConnection().writeWithoutTransaction { db in
                _ = try db.checkpoint(.restart)
                try db.execute(sql: "PRAGMA user_version = 1")
                return try folder.crashed()
            }
            try copy.write(copy.bytes("-wal").prefix(isHeaderWhole ? 1000 : 20), "-wal")
            try await copy.run { log in
                let texts = try await log.texts()
                #expect(texts == ["1", "2", "3", "4", "5"])
                #expect((log.store.epoch == epoch) == isHeaderWhole)
            }
        }
    }
}

extension GroupName {
    fileprivate static let other = named("other")
}

extension StoreFolder {
    /// The one that SQLite counts up whenever the log begins anew.
    fileprivate func firstSalt() throws -> UInt32 {
        try bytes("-wal")[16..<20].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
