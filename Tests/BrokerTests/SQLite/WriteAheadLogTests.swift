import Foundation
import GRDB
import Testing

@testable import Broker

@Suite(.timeLimit(.minutes(1)))
struct WriteAheadLogTests {
    @Test func `reads that overlap do not make the log grow without end`() async throws {
        try await StoreFolder.with { folder in
            let limit = 1 << 20
            try await folder.run(.init(maximumWriteAheadLogSize: limit)) { log in
                let drafts = try (0..<20).map { try MessageDraft.test("\($0) " + String(repeating: "x", count: 5000)) }
                let readers = (0..<4).map { _ in
                    Task {
                        while !Task.isCancelled {
                            _ = try await log.store.messages(
                                of: [.test],
                                after: 0,
                                through: .max,
                                limit: 200,
                                maximumBytes: .max
                            )
                        }
                    }
                }
                var largest = 0
                for _ in 0..<100 {
                    _ = try await log.publish(contentsOf: drafts)
                    largest = max(largest, try log.store.sizes().writeAheadLog)
                }
                for reader in readers { reader.cancel() }
                for reader in readers { _ = await reader.result }
                // Ten megabytes went through it.
                #expect(largest < 3 * limit)
                #expect(try await log.history().count == 2000)
            }
        }
    }

    @Test func `a reader that stays does not hold up publishers`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run(.init(maximumWriteAheadLogSize: 1 << 19)) { log in
                _ = try await log.publish(.test("first"))
                let other = try folder.otherConnection()
                try await other.writeWithoutTransaction { db in
                    try db.execute(sql: "BEGIN")
                    _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM messages")
                }
                for _ in 0..<30 { _ = try await log.publish(.test(String(repeating: "x", count: 50_000))) }
                #expect(try log.store.sizes().writeAheadLog > 1 << 19)
                try await other.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
                for _ in 0..<30 { _ = try await log.publish(.test(String(repeating: "x", count: 50_000))) }
                // In its turn on the writer, after which nothing is under way.
                _ = try await log.delete(1, in: .test)
                #expect(try log.store.sizes().writeAheadLog < 3 << 19)
            }
        }
    }

    @Test func `a log begins anew with the next salts`() {
        func isBegunAnew(_ first: UInt32, after former: UInt32) -> Bool {
            WriteAheadLogFile.isBegunAnew(UInt64(first) << 32 | 7, after: UInt64(former) << 32 | 9)
        }
        for (first, former) in [(1, 0), (8, 5), (0, .max), (2, .max - 1), (65_536, 0)] as [(UInt32, UInt32)] {
            #expect(isBegunAnew(first, after: former))
        }
        for (first, former) in [(5, 5), (5, 8), (.max, 0), (65_537, 0), (1 << 31, 0)] as [(UInt32, UInt32)] {
            #expect(!isBegunAnew(first, after: former))
        }
    }

    @Test func `a log is emptied by steps, then whole`() {
        var schedule = CheckpointSchedule(maximumFrames: 4000)
        #expect(
            [1, 999, 1000, 1001, 1999, 2000].map { schedule.committed(frames: $0) } == [
                .nothing, .nothing, .passive, .nothing, .nothing, .passive,
            ]
        )
        #expect(schedule.committed(frames: 4000) == .truncating)
        // It did not succeed.
        #expect([4999, 5000].map { schedule.committed(frames: $0) } == [.passive, .truncating])
        // The log began anew.
        #expect([2, 999, 1000].map { schedule.committed(frames: $0) } == [.nothing, .nothing, .passive])
    }
}
