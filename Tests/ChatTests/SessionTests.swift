import Broker
import Foundation
import GRDB
import NIOHTTP1
import Testing

@testable import Chat

@Suite(.timeLimit(.minutes(2))) struct SessionTests {
    @Test func `the cookie is for the browser alone, and the database has only its digest`() async throws {
        try await ChatServer.run { server in
            let browser = server.browser()
            let lobby = try await browser.get("/lobby/")
            let cookie = try #require(lobby.headers["set-cookie"].first)
            #expect(cookie.contains("; HttpOnly; SameSite=Lax"))
            #expect(!cookie.contains("Secure"))
            let before = browser.cookie("session")
            let entered = try await browser.post(
                "/lobby/",
                ["username": "Ariel"],
                headers: ["X-Forwarded-Proto": "https"]
            )
            #expect(entered.headers["set-cookie"].first?.hasSuffix("; Secure") == true)
            let token = try #require(browser.cookie("session"))
            #expect(token != before, "a token that was there before signing in must not be a session")
            let kept = try await server.store.readTables { db in
                try Data.fetchAll(db, sql: "SELECT token FROM chat_sessions")
            }
            #expect(kept == [SecretToken(token)?.digest])
        }
    }

    @Test func `an origin that is allowed by its name is the pages' own, and binds the cookie to TLS`() async throws {
        try await ChatServer.run {
            $0.origins = ["*", "HTTPS://Example.org:443"]
        } _: { server in
            let proxied: HTTPHeaders = ["Origin": "https://example.org", "X-Forwarded-Proto": "http"]
            let browser = server.browser()
            try await browser.get("/lobby/")
            let entered = try await browser.post("/lobby/", ["username": "Ariel"], headers: proxied)
            #expect(entered.status == 302)
            #expect(entered.headers["set-cookie"].first?.hasSuffix("; Secure") == true)
            try await browser.get("/")
            #expect(try await browser.post("/create-message/", ["content": "x"], headers: proxied).status == 201)
            for other in ["*", "https://example.org.evil", "http://example.org", "null"] {
                let foreign = try await browser.post("/create-message/", ["content": "x"], headers: ["Origin": other])
                #expect(foreign.status == 403, "\(other)")
            }
            let admin = server.browser()
            try await admin.get("/admin/sign-in/")
            let signedIn = try await admin.post("/admin/sign-in/", ["password": ChatServer.password], headers: proxied)
            #expect(signedIn.status == 302)
            #expect(signedIn.headers["set-cookie"].first?.hasSuffix("; Secure") == true)
        }
    }

    @Test func `a session outlives a restart, and ends with its time`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID()).sqlite").path
        defer {
            for suffix in ["", "-wal", "-shm", "-lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        var cookies: [String: String] = [:]
        try await ChatServer.run(path: path) { server in
            cookies = try await server.signedIn("Ariel").cookies
        }
        try await ChatServer.run(path: path) { server in
            let browser = server.browser()
            browser.cookies = cookies
            #expect(try await browser.get("/").status == 200)
            try await server.store.writeTables { db in
                try db.execute(
                    sql: "UPDATE chat_sessions SET expires_at = ?",
                    arguments: [Timestamp.now().milliseconds]
                )
            }
            #expect(try await browser.post("/create-message/", ["content": "late"]).status == 403)
            #expect(try await browser.get("/").status == 302)
            #expect(try await browser.get("/stream-chat-messages/").status == 403)
            #expect(try await browser.get("/here/").status == 403)
        }
    }

    @Test func `signing out ends the session and its streams`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            var isOut = false
            let session = ariel.cookies
            let events = try await ariel.events("/stream-chat-messages/") { _ in
                false
            } whileOpen: {
                let answer = try await ariel.post("/sign-out/", [:])
                isOut = answer.status == 302
            }
            #expect(isOut)
            #expect(events.map(\.name) == ["stream-open"])
            ariel.cookies = session
            #expect(try await ariel.get("/").status == 302)
        }
    }

    @Test func `a stream needs a session, and HEAD opens none`() async throws {
        try await ChatServer.run { server in
            let stranger = server.browser()
            #expect(try await stranger.get("/stream-chat-messages/").status == 403)
            let ariel = try await server.signedIn("Ariel")
            #expect(try await ariel.send(ariel.request("/stream-chat-messages/", .HEAD)).status == 200)
            #expect(try await ariel.send(ariel.request("/stream-chat-messages/", .POST)).status == 405)
            #expect(try await ariel.get("/here/").body == #"{"count":0,"names":[]}"#)
        }
    }

    @Test func `an admin's session is no chat session`() async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            admin.cookies[admin.cookieName("session")] = admin.cookie("administrator")
            #expect(try await admin.get("/").status == 302)
            let ariel = try await server.signedIn("Ariel")
            ariel.cookies[ariel.cookieName("administrator")] = ariel.cookie("session")
            #expect(try await ariel.get("/admin/messages/").status == 302)
        }
    }
}
