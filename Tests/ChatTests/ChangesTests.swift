import Broker
import Foundation
import GRDB
import NIOFoundationCompat
import Testing

@testable import Chat

/// What the admin removes and renames, for those who are away.
@Suite(.timeLimit(.minutes(2))) struct ChangesTests {
    private struct Change: Decodable, Equatable {
        var ids: [String]?
        var through: String?
        var to: String?
    }

    private func changes(_ events: [Browser.Event]) throws -> [Change] {
        try events.filter { ["removed", "renamed"].contains($0.name) }.map {
            try JSONDecoder().decode(Change.self, from: Data($0.data.utf8))
        }
    }

    @Test func `who was away learns what was removed and renamed`() async throws {
        try await ChatServer.run { server in
            let (ariel, puck) = (try await server.signedIn("Ariel"), try await server.signedIn("Puck"))
            for text in ["one", "two"] { try await puck.post("/create-message/", ["content": text]) }
            try await ariel.post("/create-message/", ["content": "three"])
            let seen = try await ariel.messages(until: "three")
            let admin = try await server.administrator()
            let first = try MessageID(seen[0].id)
            try await admin.post(
                "/admin/messages/delete/",
                ["message": "\(first.sequence).notify.chat", "confirmed": "yes"]
            )
            try await admin.post("/admin/author/rename/", ["id": "1", "name": "Robin"])
            try await ariel.post("/create-message/", ["content": "four"])
            let resumed = try await ariel.events("/stream-chat-messages/", lastEventID: seen[2].id) {
                $0.data.contains("four")
            }
            #expect(try changes(resumed) == [Change(ids: [seen[0].id]), Change(ids: [seen[1].id], to: "Robin")])

            // They are no messages to those who load everything, nor in the admin.
            let all = try await ariel.messages(until: "four")
            #expect(all.map(\.content) == ["two", "three", "four"])
            #expect(all.map(\.author__name) == ["Robin", "Ariel", "Ariel"])
            #expect(try await admin.get("/admin/messages/").body.matches(of: /name="message"/).count == 3)
            let groups = try await admin.get("/admin/groups/").body
            #expect(groups.contains("notify.chat") && !groups.contains("notify.chat.changes"))
            #expect(try await server.store.group(GroupName("notify.chat"))?.messages == 3)
        }
    }

    @Test func `who was away learns of an author's removal`() async throws {
        try await ChatServer.run { server in
            let (ariel, puck) = (try await server.signedIn("Ariel"), try await server.signedIn("Puck"))
            try await puck.post("/create-message/", ["content": "gone"])
            try await ariel.post("/create-message/", ["content": "stays"])
            let seen = try await ariel.messages(until: "stays")
            let admin = try await server.administrator()
            try await admin.post("/admin/author/delete/", ["id": "1", "confirmed": "yes"])
            let resumed = try await ariel.events("/stream-chat-messages/", lastEventID: seen[1].id) {
                $0.name == "removed"
            }
            #expect(try changes(resumed) == [Change(ids: [seen[0].id])])
        }
    }

    @Test func `a name that goes from one author to another stays with the right messages`() async throws {
        try await ChatServer.run { server in
            let (ariel, puck) = (try await server.signedIn("Ariel"), try await server.signedIn("Puck"))
            try await puck.post("/create-message/", ["content": "by Puck"])
            try await ariel.post("/create-message/", ["content": "by Ariel"])
            let seen = try await ariel.messages(until: "by Ariel")
            let admin = try await server.administrator()
            try await admin.post("/admin/author/rename/", ["id": "1", "name": "Robin"])
            try await admin.post("/admin/author/rename/", ["id": "2", "name": "Puck"])
            let events = try await ariel.events("/stream-chat-messages/") { $0.data.contains(#""to":"Puck""#) }
            var names: [String: String] = [:]
            for event in events {
                if event.name == "message" { names[event.id] = try Browser.message(event).author__name }
                guard let change = try changes([event]).first, let to = change.to else { continue }
                for id in change.ids ?? [] { names[id] = to }
            }
            #expect(names == [seen[0].id: "Robin", seen[1].id: "Puck"])
        }
    }

    @Test func `a change of many messages is told in parts that fit`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        try store.migrate(ChatSchema.migrator)
        let configuration = MessageLog.Configuration(maximumMessageSize: 300)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: configuration)
        let chat = ChatMessages(
            log: log,
            store: store,
            group: try GroupName("chat"),
            changes: try GroupName("changes"),
            names: AuthorNames()
        )
        try await chat.tell("renamed", of: Array(990...1090), to: "\"Robin\" Goodfellow")
        let page = try await store.messages(
            of: [.group(GroupName("changes"))],
            after: 0,
            through: .max,
            limit: 1000,
            maximumBytes: .max
        )
        #expect(page.messages.count > 5)
        let told = try page.messages.flatMap {
            try JSONDecoder().decode(Change.self, from: Data(buffer: $0.data)).ids ?? []
        }
        #expect(told == (990...1090).map { "\(store.epoch)-\($0)" })
        await log.close()
        try await store.close()
    }

    @Test func `what a stop amid a removal has left is removed at the next start, and told of`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID()).sqlite").path
        defer {
            for suffix in ["", "-wal", "-shm", "-lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        var (cut, last) = ("", "")
        try await ChatServer.run(path: path) { server in
            let ariel = try await server.signedIn("Ariel")
            for text in ["cut", "last"] { try await ariel.post("/create-message/", ["content": text]) }
            let messages = try await ariel.messages(until: "last")
            (cut, last) = (messages[0].id, messages[1].id)
            let sequence = try MessageID(cut).sequence
            try await server.store.writeTables { db in
                try db.execute(sql: "DELETE FROM chat_messages WHERE id = ?", arguments: [sequence])
            }
        }
        try await ChatServer.run(path: path) { server in
            let ariel = try await server.signedIn("Ariel")
            let resumed = try await ariel.events("/stream-chat-messages/", lastEventID: last) { $0.name == "removed" }
            #expect(try changes(resumed) == [Change(ids: [cut])])
            #expect(try await ariel.messages(until: "last").map(\.content) == ["last"])
        }
    }
}
