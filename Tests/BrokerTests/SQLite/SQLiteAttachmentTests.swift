import GRDB
import NIOCore
import Testing

@testable import Broker

@Suite(.timeLimit(.minutes(1))) struct SQLiteAttachmentTests {
    private struct Refusal: Error {}

    private static func store() throws -> SQLiteMessageStore {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("test 1") { db in
            try db.execute(
                sql: "CREATE TABLE parts (id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE)"
            )
        }
        try store.migrate(migrator)
        return store
    }

    private static func draft(_ text: String, failing: Bool = false) throws -> MessageDraft {
        var draft = try MessageDraft(group: GroupName("g"), text: text)
        draft.attachment = SQLiteAttachment(
            data: { _ in ByteBuffer(string: "composed \(text)") },
            stored: { db, sequence in
                try db.execute(sql: "INSERT INTO parts (id) VALUES (?)", arguments: [sequence])
                if failing { throw Refusal() }
            }
        )
        return draft
    }

    private static func parts(_ store: SQLiteMessageStore) async throws -> [Int64] {
        try await store.readTables { db in try Int64.fetchAll(db, sql: "SELECT id FROM parts ORDER BY id") }
    }

    @Test func `a message and its application's part are stored together`() async throws {
        let store = try Self.store()
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let message = try await log.publish(Self.draft("one"))
        #expect(message.text == "composed one")
        let sequence = try #require(message.id).sequence
        #expect(try await store.message(sequence, in: GroupName("g"))?.text == "composed one")
        #expect(try await Self.parts(store) == [sequence])
        #expect(try await store.delete(sequence, in: GroupName("g")))
        #expect(try await Self.parts(store) == [])
    }

    @Test func `what was made for another store is refused, and its neighbours are stored`() async throws {
        struct Other: DraftAttachment {}
        let store = try Self.store()
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        var draft = try MessageDraft(group: GroupName("g"), text: "other")
        draft.attachment = Other()
        let other = draft
        async let first = log.publish(Self.draft("good"))
        let error = await #expect(throws: BrokerError.self) { try await log.publish(other) }
        #expect(error?.message.contains("SQLiteAttachment") == true)
        _ = try await first
        #expect(try await store.group(GroupName("g"))?.messages == 1)
    }

    @Test func `a part that fails takes its message back, and no other`() async throws {
        let store = try Self.store()
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let group = try GroupName("g")
        async let first = log.publish(MessageDraft(group: group, text: "plain"))
        async let second = log.publish(Self.draft("good"))
        let failed = await #expect(throws: BrokerError.self) { try await log.publish(Self.draft("bad", failing: true)) }
        #expect(failed?.underlying is Refusal)
        let kept = try await [first, second].map(\.text)
        #expect(kept == ["plain", "composed good"])
        #expect(try await store.group(group)?.messages == 2)
        #expect(try await Self.parts(store).count == 1)
    }

    @Test func `an application's migrations do not make the database a newer one`() throws {
        let migrator = { () -> DatabaseMigrator in
            var migrator = DatabaseMigrator()
            migrator.registerMigration("test 1") { db in try db.execute(sql: "CREATE TABLE parts (id INTEGER)") }
            return migrator
        }
        let queue = try DatabaseQueue()
        try SQLiteSchema.migrate(queue)
        try migrator().migrate(queue)
        try queue.read { try SQLiteSchema.verify($0) }
        try queue.write { db in try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 from the future')") }
        #expect(throws: BrokerError.self) { try queue.read { try SQLiteSchema.verify($0) } }
    }
}
