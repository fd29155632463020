import Broker
import Foundation
import GRDB
import Testing

/// All of it while a server has the database open, unless a test says otherwise.
@Suite(.timeLimit(.minutes(1)))
struct DatabaseToolsTests {
    private static func run(_ body: (StoreFolder, MessageLog, DatabaseTools) async throws -> Void) async throws {
        try await StoreFolder.with { folder in
            let clock = WallClock()
            try await folder.run(clock.configuration) { log in
                for number in 1...5 {
                    _ = try await log.publish(.test("\(number)", key: "\(number)"))
                    clock.advance(by: .seconds(1))
                }
                try await body(folder, log, DatabaseTools(path: folder.database))
            }
        }
    }

    @Test func figures() async throws {
        try await Self.run { _, log, tools in
            _ = try await log.publish(.test("four", in: .named("other")))
            let figures = try tools.statistics()
            #expect(figures.epoch == log.store.epoch)
            #expect(figures.schemaVersion == 3)
            #expect((figures.messages, figures.groups, figures.dataBytes) == (6, 2, 9))
            #expect(figures.idempotencyKeys == 5)
            #expect((figures.oldest?.id.sequence, figures.newest?.id.sequence) == (1, 6))
            #expect(try #require(figures.oldest).createdAt + .seconds(5) == figures.newest?.createdAt)
            #expect(figures.sizes.database > 0)
            #expect(figures.sizes.writeAheadLog > 0)
            #expect(figures.sizes == (try log.store.sizes()))
        }
    }

    @Test func `a check finds nothing while messages are published`() async throws {
        try await Self.run { _, log, tools in
            async let publishing: Void = {
                for number in 0..<50 { _ = try await log.publish(.test("more \(number)")) }
            }()
            for _ in 0..<5 { #expect(try tools.check() == []) }
            try await publishing
        }
    }

    @Test func `a backup has everything, and an epoch of its own`() async throws {
        try await Self.run { folder, log, tools in
            let copy = StoreFolder(path: folder.path + "/copy")
            try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
            let epoch = try tools.backup(to: copy.database)
            #expect(epoch != log.store.epoch)
            _ = try await log.publish(.test("6"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: copy.path) == ["test.sqlite"])
            try await copy.run { log in
                let texts = try await log.texts()
                #expect(texts == ["1", "2", "3", "4", "5"])
            }
            let again = #expect(throws: BrokerError.self) { try tools.backup(to: copy.database) }
            #expect(again?.message.contains("already") == true)
        }
    }

    @Test func `a vacuum beside a server gives free pages back, a full one is refused`() async throws {
        try await Self.run { folder, log, tools in
            let text = String(repeating: "x", count: 100_000)
            for _ in 0..<50 { _ = try await log.publish(.test(text)) }
            try await log.purge(.test)
            #expect(try tools.statistics().freeBytes > 4_000_000)
            let error = await #expect(throws: BrokerError.self) { try await tools.vacuum(full: true) }
            #expect(error?.message.contains("stop it first") == true)
            let sizes = try await tools.vacuum()
            #expect(sizes.before > 2_000_000)
            #expect(sizes.pending == 0)
            #expect(sizes.after < 500_000)
            #expect(sizes.after == (try log.store.sizes().database))
            #expect(try tools.statistics().freeBytes == 0)
            _ = try await log.publish(.test("after"))
            #expect(try await log.texts() == ["after"])
            #expect(try tools.check() == [])
        }
    }

    @Test func `a vacuum tells what a reader holds back`() async throws {
        try await Self.run { folder, log, tools in
            let text = String(repeating: "x", count: 100_000)
            for _ in 0..<50 { _ = try await log.publish(.test(text)) }
            try await folder.checkpoint()
            let reader = try folder.otherConnection()
            try await reader.writeWithoutTransaction { db in
                try db.execute(sql: "BEGIN")
                _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM messages")
            }
            try await log.purge(.test)
            let held = try await tools.vacuum()
            #expect(held.pending > 4_000_000)
            try await reader.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
            let sizes = try await tools.vacuum()
            #expect(sizes.pending == 0)
            #expect(sizes.after == held.after - held.pending)
        }
    }

    @Test func `a symbolic link is as good as the file that it leads to`() async throws {
        try await Self.run { folder, log, _ in
            let link = folder.path + "/link.sqlite"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.database)
            let tools = try DatabaseTools(path: link)
            #expect(try tools.statistics().sizes == log.store.sizes())
            #expect(try tools.check().isEmpty)
            _ = try await tools.vacuum()
            try tools.backup(to: folder.path + "/copy.sqlite")
            #expect(!FileManager.default.fileExists(atPath: link + "-lock"))
        }
    }

    @Test func `a database that no server has open stays alone in its folder`() async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(.test("1"))
                _ = try await log.history()
            }
            let files = ["test.sqlite", "test.sqlite-lock"]
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == files)
            let bytes = try folder.bytes()
            let tools = try DatabaseTools(path: folder.database)
            #expect(try tools.statistics().messages == 1)
            #expect(try tools.check().isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == files)
            #expect(try folder.bytes() == bytes)
        }
    }

    @Test func `a full vacuum of a database that is closed keeps messages and epoch`() async throws {
        try await StoreFolder.with { folder in
            let epoch = try await folder.run { log in
                for _ in 0..<30 { _ = try await log.publish(.test(String(repeating: "x", count: 100_000))) }
                try await log.purge(.test, through: 29)
                return log.store.epoch
            }
            let sizes = try await DatabaseTools(path: folder.database).vacuum(full: true)
            #expect(sizes.after < 300_000)
            #expect(sizes.before > 2_000_000)
            try await folder.run { log in
                let count = try await log.history().count
                #expect(count == 1)
                #expect(log.store.epoch == epoch)
            }
        }
    }

    @Test func `looking at the database of a server that was killed leaves its log alone`() async throws {
        try await Self.run { folder, log, _ in
            let copy = try folder.crashed()
            let tools = try DatabaseTools(path: copy.database)
            #expect(try tools.statistics().messages == 5)
            #expect(try tools.check().isEmpty)
            let epoch = try await copy.run { log in log.store.epoch }
            #expect(epoch == log.store.epoch)
        }
    }

    @Test func `there is something to work on`() async throws {
        try await StoreFolder.with { folder in
            #expect(throws: BrokerError.self) { try DatabaseTools(path: folder.database) }
            #expect(!FileManager.default.fileExists(atPath: folder.database))
            try folder.write(Data("no database, but more than nothing".utf8))
            let error = #expect(throws: BrokerError.self) { try DatabaseTools(path: folder.database) }
            #expect(error?.code == .storeUnusable)
            let isFolder = #expect(throws: BrokerError.self) { try DatabaseTools(path: folder.path) }
            #expect(isFolder?.message.contains("is a folder") == true)
        }
    }

    @Test func `a backup needs a folder to go to`() async throws {
        try await Self.run { folder, _, tools in
            let error = #expect(throws: BrokerError.self) { try tools.backup(to: folder.path + "/none/copy.sqlite") }
            #expect(error?.message.contains("--output") == true)
            #expect(error?.message.contains("--database") == false)
        }
    }
}
