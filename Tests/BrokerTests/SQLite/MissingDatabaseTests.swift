import Broker
import Foundation
import Testing

/// A database file that is gone, while other files of it are there.
@Suite(.timeLimit(.minutes(1)))
struct MissingDatabaseTests {
    /// The files of a store that was killed after two messages, without the database.
    private static func without(
        _ suffixes: [String],
        messages: Int = 2,
        _ body: (StoreFolder, LogRecord, Epoch) async throws -> Void
    ) async throws {
        try await StoreFolder.with { folder in
            var copy = folder
            let epoch = try await folder.run { log in
                for number in 0..<messages { _ = try await log.publish(.test("\(number)")) }
                copy = try folder.crashed()
                return log.store.epoch
            }
            for suffix in suffixes { try? FileManager.default.removeItem(atPath: copy.database + suffix) }
            try await body(copy, LogRecord(), epoch)
        }
    }

    @Test(arguments: [true, false])
    func `with its log there, a database that is gone is refused`(isEmptyFile: Bool) async throws {
        try await Self.without([""]) { folder, record, _ in
            if isEmptyFile { try folder.write(Data()) }
            let log = try folder.bytes("-wal")
            let error = await #expect(throws: BrokerError.self) {
                try await folder.run(.init(logger: record.logger)) { _ in }
            }
            #expect(error?.code == .storeUnusable)
            #expect(error?.message.contains("move '\(folder.database)-wal' away") == true)
            #expect(try folder.bytes("-wal") == log)
        }
    }

    @Test func `without a log, a database that is gone is told, and ids are other ones`() async throws {
        try await Self.without(["", "-wal"]) { folder, record, epoch in
            try await folder.run(.init(logger: record.logger)) { log in
                #expect(log.store.epoch != epoch)
                let texts = try await log.texts()
                #expect(texts == [])
            }
            #expect(record.all.count { $0.hasPrefix("warning") && $0.contains("is gone") } == 1)
            try await folder.run(.init(logger: record.logger)) { _ in }
            #expect(record.all.count == 1)
        }
    }

    @Test func `nothing is told of a database in which nothing was`() async throws {
        try await Self.without(["", "-wal"], messages: 0) { folder, record, _ in
            try await folder.run(.init(logger: record.logger)) { _ in }
            #expect(record.all == [])
        }
    }
}
