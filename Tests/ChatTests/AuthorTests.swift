import Broker
import Foundation
import GRDB
import Testing

@testable import Chat

@Suite(.timeLimit(.minutes(2))) struct AuthorTests {
    private func authors(_ server: ChatServer) async throws -> [String] {
        try await server.store.readTables { db in
            try String.fetchAll(db, sql: "SELECT name FROM chat_authors ORDER BY id")
        }
    }

    @Test func `requests that race make one author`() async throws {
        try await ChatServer.run { server in
            let browsers = try await server.signedIn("Ariel")
            let (cookies, token) = (browsers.cookies, browsers.token)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let browser = server.browser()
                        (browser.cookies, browser.token) = (cookies, token)
                        return try await browser.post("/create-message/", ["content": "\(number)"]).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 201, count: 20))
            #expect(try await authors(server) == ["Ariel"])
            let counts = try await server.store.readTables { db in
                try Int.fetchAll(
                    db,
                    sql: "SELECT (SELECT count(*) FROM chat_messages) UNION ALL SELECT count(*) FROM messages"
                )
            }
            #expect(counts == [20, 20])
        }
    }

    @Test func `one press of Send makes one message, however often it is tried`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            let first = try await ariel.post("/create-message/", ["content": "once", "sending": "a"])
            let again = try await ariel.post("/create-message/", ["content": "once", "sending": "a"])
            #expect((first.status, again.status) == (201, 201))
            #expect(first.body == again.body)
            try await ariel.post("/create-message/", ["content": "next", "sending": "b"])
            #expect(try await ariel.messages(until: "next").map(\.content) == ["once", "next"])
        }
    }

    @Test func `the payload has the message's id, and a stream resumes after it`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            for text in ["one", "two\nlines", "three"] { try await ariel.post("/create-message/", ["content": text]) }
            let events = try await ariel.events("/stream-chat-messages/") { $0.data.contains("three") }
            #expect(events.first?.name == "stream-open")
            let messages = events.filter { $0.name == "message" }
            #expect(try messages.map { try Browser.message($0).id } == messages.map(\.id))
            #expect(
                messages[1].data
                    == #"{"id":"\#(messages[1].id)","author__name":"Ariel","content":"two\nlines"}"#
            )
            let rest = try await ariel.messages(until: "three", lastEventID: messages[0].id)
            #expect(rest.map(\.content) == ["two\nlines", "three"])
        }
    }

    @Test func `a renamed author shows so in every later replay, from memory and from the store`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID()).sqlite").path
        defer {
            for suffix in ["", "-wal", "-shm", "-lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        try await ChatServer.run(path: path) { server in
            let (ariel, puck) = (try await server.signedIn("Ariel"), try await server.signedIn("Puck"))
            // Another reader keeps the group followed, so that its messages are among the recent ones.
            _ = try await puck.events("/stream-chat-messages/") {
                $0.data.contains("second")
            } whileOpen: {
                try await ariel.post("/create-message/", ["content": "first"])
                try await puck.post("/create-message/", ["content": "second"])
                let first = try await ariel.messages(until: "second")[0]
                let admin = try await server.administrator()
                #expect(try await admin.post("/admin/author/rename/", ["id": "2", "name": "Ariel"]).status == 400)
                #expect(try await admin.post("/admin/author/rename/", ["id": "2", "name": "Robin"]).status == 302)
                #expect(try await ariel.messages(until: "second").map(\.author__name) == ["Ariel", "Robin"])
                let resumed = try await ariel.messages(until: "second", lastEventID: first.id)
                #expect(resumed.map(\.author__name) == ["Robin"])
            }
            // Still signed in as Puck: a new author of that name.
            try await puck.post("/create-message/", ["content": "third"])
            #expect(try await ariel.messages(until: "third").map(\.author__name) == ["Ariel", "Robin", "Puck"])
        }
        try await ChatServer.run(path: path) { server in
            let ariel = try await server.signedIn("Ariel")
            #expect(try await ariel.messages(until: "third").map(\.author__name) == ["Ariel", "Robin", "Puck"])
        }
    }

    @Test func `of removed messages the newest are remembered, within a bound`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            for text in ["old", "new"] { try await ariel.post("/create-message/", ["content": text]) }
            let stored = try await server.store.messages(
                of: [.group(server.chat.group)],
                after: 0,
                through: 2,
                limit: 2,
                maximumBytes: .max
            ).messages
            let names = AuthorNames()
            names.hide([1, 2])
            #expect(stored.map { names.compose($0) == nil } == [true, true])
            names.hide((-20_000...0).map { $0 })
            #expect(stored.map { names.compose($0) == nil } == [true, true])
            names.hide((3...20_000).map { $0 })
            #expect(stored.map { names.compose($0) == nil } == [false, false])
        }
    }

    @Test func `a deleted author takes all messages along`() async throws {
        try await ChatServer.run { server in
            let (ariel, puck) = (try await server.signedIn("Ariel"), try await server.signedIn("Puck"))
            try await puck.post("/create-message/", ["content": "gone"])
            try await ariel.post("/create-message/", ["content": "stays"])
            _ = try await ariel.messages(until: "stays")
            let admin = try await server.administrator()
            let question = try await admin.post("/admin/author/delete/", ["id": "1"]).body
            #expect(question.contains("Delete the author “<bdi>Puck</bdi>” with 1 message?"))
            #expect(try await authors(server) == ["Puck", "Ariel"])
            #expect(try await admin.post("/admin/author/delete/", ["id": "1", "confirmed": "yes"]).status == 302)
            #expect(try await authors(server) == ["Ariel"])
            #expect(try await ariel.messages(until: "stays").map(\.content) == ["stays"])
            #expect(try await server.store.group(GroupName("notify.chat"))?.messages == 1)
            #expect(try await admin.get("/admin/author/?id=1").status == 404)
        }
    }
}
