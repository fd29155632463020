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
