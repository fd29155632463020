import Foundation
import GRDB
import Testing

@testable import Broker

/// A database is the file itself, whatever path leads to it; and what is made beside it.
struct DatabasePathTests {
    private static func expectTaken(_ path: String, _ word: String = "Another server") {
        let error = #expect(throws: BrokerError.self) { try SQLiteMessageStore(path: path) }
        #expect(error?.message.contains(word) == true, "\(String(describing: error))")
    }

    private static func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func `a link whose target does not exist yet leads to one database and one lock`() async throws {
        try await StoreFolder.with { folder in
            let link = folder.path + "/link.sqlite"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "test.sqlite")
            let store = try SQLiteMessageStore(path: link)
            Self.expectTaken(folder.database)
            let epoch = store.epoch
            try await store.close()
            let again = try SQLiteMessageStore(path: link)
            #expect(again.epoch == epoch)
            try await again.close()
            #expect(!FileManager.default.fileExists(atPath: link + "-lock"))
        }
    }

    @Test func `a lock file that was deleted lets no second server in`() async throws {
        try await StoreFolder.with { folder in
            let store = try SQLiteMessageStore(path: folder.database)
            try FileManager.default.removeItem(atPath: folder.database + "-lock")
            Self.expectTaken(folder.database)
            try await store.close()
        }
    }

    @Test func `a lock file that is a link is refused, and what it leads to stays`() async throws {
        try await StoreFolder.with { folder in
            let precious = folder.path + "/precious"
            try Data("precious".utf8).write(to: URL(fileURLWithPath: precious))
            try FileManager.default.createSymbolicLink(atPath: folder.database + "-lock", withDestinationPath: precious)
            Self.expectTaken(folder.database, "symbolic link")
            #expect(try Data(contentsOf: URL(fileURLWithPath: precious)) == Data("precious".utf8))
        }
    }

    @Test func `a pipe is no database`() async throws {
        try await StoreFolder.with { folder in
            #expect(mkfifo(folder.database, 0o600) == 0)
            Self.expectTaken(folder.database, "is no file")
        }
    }

    @Test func `new files are for their owner alone, and a copy is as its original`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("1"))
                for suffix in ["", "-wal", "-lock"] { #expect(try Self.mode(folder.database + suffix) == 0o600) }
                let copy = folder.path + "/copy.sqlite"
                try DatabaseTools(path: folder.database).backup(to: copy)
                #expect(try Self.mode(copy) == 0o600)
            }
            #expect(chmod(folder.database, 0o640) == 0)
            try FileManager.default.removeItem(atPath: folder.database + "-lock")
            try await folder.run { _ in
                let mode = try Self.mode(folder.database + "-lock")
                #expect(mode == 0o640)
            }
        }
    }

    @Test func `a newer version's database keeps every byte`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in _ = try await log.publish(.test("1")) }
            let queue = try DatabaseQueue(path: folder.database)
            try await queue.writeWithoutTransaction { db in
                try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('999 later')")
                try db.execute(sql: "PRAGMA journal_mode = DELETE")
            }
            try queue.close()
            let before = try folder.bytes()
            Self.expectTaken(folder.database, "newer version")
            #expect(try folder.bytes() == before)
        }
    }

    @Test func `a newer version's database that was not closed keeps every byte too`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("1"))
                let other = try folder.otherConnection()
                try await other.writeWithoutTransaction { db in
                    try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('999 later')")
                }
                let crashed = try folder.crashed()
                let before = try (crashed.bytes(), crashed.bytes("-wal"))
                #expect(!before.1.isEmpty)
                Self.expectTaken(crashed.database, "newer version")
                #expect(try crashed.bytes() == before.0)
                #expect(try crashed.bytes("-wal") == before.1)
                try await other.writeWithoutTransaction { db in
                    try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = '999 later'")
                }
            }
        }
    }

    /// A second look at the file, closed again, would let go of the locks of the first store.
    @Test func `a second store of one process leaves SQLite's locks where they are`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("1"))
                let locks = try Self.locks(folder.database)
                #expect(!locks.isEmpty)
                try FileManager.default.createSymbolicLink(
                    atPath: folder.path + "/link.sqlite",
                    withDestinationPath: folder.database
                )
                for path in [folder.database, folder.path + "/link.sqlite"] { Self.expectTaken(path, "Another server") }
                #expect(try Self.locks(folder.database) == locks)
            }
            let texts = try await folder.run { log in try await log.texts() }
            #expect(texts == ["1"])
        }
    }

    /// The locks of SQLite's kind on a file, in any process.
    private static func locks(_ path: String) throws -> [String] {
        let file = try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
        // The kernel's file tells no size, so it is read to its end.
        let table = try FileHandle(forReadingAtPath: "/proc/locks")?.readToEnd() ?? Data()
        let lines = String(decoding: table, as: UTF8.self).split(separator: "\n")
        return lines.map { $0.split(separator: " ").dropFirst().joined(separator: " ") }
            .filter { $0.contains("POSIX") && $0.contains(":\(file) ") }.sorted()
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away"))
    func `files beside a database belong to whom it belongs`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in _ = try await log.publish(.test("1")) }
            try FileManager.default.removeItem(atPath: folder.database + "-lock")
            #expect(chown(folder.database, 1234, 2345) == 0)
            _ = try await DatabaseTools(path: folder.database).vacuum(full: true)
            try DatabaseTools(path: folder.database).backup(to: folder.path + "/copy.sqlite")
            for path in [folder.database, folder.database + "-lock", folder.path + "/copy.sqlite"] {
                var status = stat()
                #expect(stat(path, &status) == 0)
                #expect(status.st_uid == 1234 && status.st_gid == 2345, "\(path)")
            }
        }
    }

    @Test func `a lock file that is another file's name, or none, is left as it is`() async throws {
        try await StoreFolder.with { folder in
            let precious = folder.path + "/precious"
            try Data("keep me".utf8).write(to: URL(fileURLWithPath: precious))
            try FileManager.default.linkItem(atPath: precious, toPath: folder.database + "-lock")
            Self.expectTaken(folder.database, "remove it")
            #expect(try String(contentsOfFile: precious, encoding: .utf8) == "keep me")
            try FileManager.default.removeItem(atPath: folder.database + "-lock")
            #expect(mkfifo(folder.database + "-lock", 0o600) == 0)
            Self.expectTaken(folder.database, "remove it")
        }
    }

    /// A server that starts, writes and stops during a backup would leave a copy of two states.
    @Test func `what is read of a file that is changed meanwhile is read again`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in _ = try await log.publish(.test("1")) }
            var reads = 0
            func count(changing isChanging: (Int) -> Bool) throws -> Int? {
                try DatabaseTools.whileUnchanged(folder.database) {
                    reads += 1
                    let queue = try DatabaseTools.connectImmutable(folder.database)
                    let count = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM messages") ?? 0 }
                    if isChanging(reads) {
                        let other = try DatabaseQueue(path: folder.database)
                        try other.writeWithoutTransaction { db in
                            try db.execute(sql: "DELETE FROM messages")
                            _ = try db.checkpoint(.truncate)
                        }
                        try other.close()
                    }
                    return count
                }
            }
            #expect(try count { $0 == 1 } == 0)
            #expect(reads == 2)
            // Somebody who never rests.
            let busy = try count { _ in
                try? FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSinceNow: Double(reads))],
                    ofItemAtPath: folder.database
                )
                return false
            }
            #expect(busy == nil && reads == 5)
        }
    }

    /// As on a read-only mount. Root may write everywhere, so this asks for the connection itself.
    @Test func `a database that cannot be written is read without a trace`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in _ = try await log.publish(.test("1")) }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            let queue = try DatabaseTools.connectImmutable(folder.database)
            #expect(try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM messages") } == 1)
            try queue.close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == files)
        }
    }

    @Test func `the counts of many groups are checked in time in proportion to them`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(contentsOf: (0..<500).map { try .test("x", in: .named("g-\($0)")) })
            }
            let queue = try folder.otherConnection()
            try await queue.write { db in
                #expect(try DatabaseInvariants.wrongCounts(db).isEmpty)
                // A full join would look at each group for each other one.
                let plan = try String.fetchAll(
                    db,
                    sql: "EXPLAIN QUERY PLAN " + DatabaseInvariants.wrongCountsStatement,
                    arguments: [20],
                    adapter: RangeRowAdapter(3..<4)
                )
                #expect(plan.contains { $0.contains("AUTOMATIC") }, "\(plan)")
                try db.execute(sql: "UPDATE groups SET bytes = bytes + 1 WHERE name = 'g-7'")
                try db.execute(sql: "UPDATE groups SET messages = 3, first_id = 1 WHERE name = 'g-8'")
                #expect(try DatabaseInvariants.wrongCounts(db).count == 2)
            }
            try queue.close()
        }
    }
}
