import Broker
import Foundation
import GRDB
import Testing

/// What a store does to files, and whom it lets in.
struct DatabaseFileTests {
    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private static func expectRefusal(_ sentence: String, _ path: String) {
        let error = #expect(throws: BrokerError.self) { try SQLiteMessageStore(path: path) }
        #expect(error?.code == .storeUnusable)
        #expect(error?.message.contains(sentence) == true, "\(String(describing: error))")
    }

    @Test func `another program's database stays as it is`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appendingPathComponent("other.sqlite")
            let other = try DatabaseQueue(path: file.path)
            try await other.write { try $0.execute(sql: "CREATE TABLE things (id INTEGER)") }
            try other.close()
            let before = try Data(contentsOf: file)
            Self.expectRefusal("another program's", file.path)
            #expect(try Data(contentsOf: file) == before)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["other.sqlite"])
        }
    }

    @Test func `what is no database stays as it is`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appendingPathComponent("text")
            let text = Data(String(repeating: "This is no database. ", count: 100).utf8)
            try text.write(to: file)
            Self.expectRefusal("is no SQLite database", file.path)
            #expect(try Data(contentsOf: file) == text)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["text"])
        }
    }

    @Test func `a database is open once, by whatever path`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appendingPathComponent("notify.sqlite")
            let link = folder.appendingPathComponent("link.sqlite")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file)
            let store = try SQLiteMessageStore(path: file.path)
            Self.expectRefusal("Another server", file.path)
            Self.expectRefusal("Another server", link.path)
            try await store.close()
            let again = try SQLiteMessageStore(path: link.path)
            #expect(again.epoch == store.epoch)
            Self.expectRefusal("Another server", file.path)
            try await again.close()
        }
    }

    @Test func `an empty file becomes a database`() async throws {
        try await Self.withFolder { folder in
            let file = folder.appendingPathComponent("empty.sqlite")
            try Data().write(to: file)
            let store = try SQLiteMessageStore(path: file.path)
            try await store.close()
        }
    }
}
