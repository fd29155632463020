import Broker
import Foundation
import GRDB
import NIOHTTP1
import Testing

@testable import Chat

/// The requests of the tutorial, each with its status.
@Suite(.timeLimit(.minutes(2))) struct TutorialTests {
    @Test func `a stranger is sent to the lobby, signs in, and is in the chat`() async throws {
        try await ChatServer.run { server in
            let browser = server.browser()
            let stranger = try await browser.get("/")
            #expect(stranger.status == 302)
            #expect(stranger.headers["location"] == ["/lobby/"])
            #expect(try await browser.get("/lobby/").status == 200)
            let entered = try await browser.post("/lobby/", ["username": "  Ariel\n"])
            #expect(entered.status == 302)
            #expect(entered.headers["location"] == ["/"])
            #expect(entered.headers["set-cookie"].count == 1)
            let page = try await browser.get("/")
            #expect(page.status == 200)
            #expect(page.body.contains("Welcome <bdi>Ariel</bdi>"))
            #expect(page.headers["content-security-policy"].first?.contains("script-src 'self'") == true)
        }
    }

    @Test func `creating a message has its statuses`() async throws {
        try await ChatServer.run { server in
            let stranger = server.browser()
            #expect(try await stranger.post("/create-message/", ["content": "x"]).status == 403)
            let ariel = try await server.signedIn("Ariel")
            #expect(try await ariel.post("/create-message/", ["content": "hello"]).status == 201)
            #expect(try await ariel.post("/create-message/", ["content": ""]).status == 200)
            #expect(try await ariel.post("/create-message/", ["content": " \r\n "]).status == 200)
            #expect(try await ariel.post("/create-message/", ["content": "x", "csrf_token": ""]).status == 403)
            #expect(try await ariel.post("/create-message/", ["content": "x", "csrf_token": "x"]).status == 403)
            let byHeader = try await ariel.post(
                "/create-message/",
                ["content": "by header", "csrf_token": ""],
                headers: ["X-CSRFToken": ariel.token]
            )
            #expect(byHeader.status == 201)
            let get = try await ariel.get("/create-message/")
            #expect(get.status == 405)
            #expect(get.headers["allow"] == ["OPTIONS, POST"])
            let elsewhere: HTTPHeaders = ["Origin": "http://127.0.0.1:1"]
            let foreign = try await ariel.post("/create-message/", ["content": "x"], headers: elsewhere)
            #expect(foreign.status == 403)
            #expect(try await ariel.messages(until: "by header").map(\.content) == ["hello", "by header"])
        }
    }

    @Test func `the lobby's form needs its token`() async throws {
        try await ChatServer.run { server in
            let browser = server.browser()
            #expect(try await browser.post("/lobby/", ["username": "Ariel"]).status == 403)
            try await browser.get("/lobby/")
            #expect(try await browser.post("/lobby/", ["username": "Ariel", "csrf_token": "x"]).status == 403)
            let other = server.browser()
            try await other.get("/lobby/")
            let stolen = try await browser.post("/lobby/", ["username": "Ariel", "csrf_token": other.token])
            #expect(stolen.status == 403)
        }
    }

    @Test func `an empty name becomes one, and a long one is refused`() async throws {
        try await ChatServer.run { server in
            let nobody = try await server.signedIn(" \t ")
            let page = try await nobody.get("/")
            #expect(page.body.firstMatch(of: /Welcome <bdi>[A-Z][a-z]+ \d{4}<\/bdi>/) != nil)
            let long = try await server.signedIn(String(repeating: "é", count: 500))
            #expect(try await long.get("/").status == 200)
            let browser = server.browser()
            try await browser.get("/lobby/")
            let refused = try await browser.post("/lobby/", ["username": String(repeating: "x", count: 501)])
            #expect(refused.status == 400)
            #expect(refused.body.contains("at most 500 characters"))
            #expect(refused.body.contains(#"value="\#(String(repeating: "x", count: 501))""#))
            #expect(!refused.body.contains("maxlength"), "browsers count UTF-16, the server counts characters")
            let emoji = try await server.signedIn(String(repeating: "🌍", count: 500))
            #expect(try await emoji.get("/").status == 200)
        }
    }

    @Test(arguments: [
        "\u{0}", "\u{1}\u{7F}", "\u{202E}", "\u{FEFF}", "\u{3164}", "\u{200B}\u{200D}", "\u{2800} ", "\u{2028}",
        "\u{FFF9}", "\u{E0041}",
    ])
    func `a name of which nothing can be seen counts as none`(name: String) async throws {
        #expect(DisplayName.trimmed(name) == "")
        #expect(DisplayName.trimmed("a\(name)b")?.contains("\u{0}") == false)
        try await ChatServer.run { server in
            let page = try await server.signedIn(name).get("/")
            #expect(page.body.firstMatch(of: /Welcome <bdi>[A-Z][a-z]+ \d{4}<\/bdi>/) != nil)
        }
    }

    @Test func `names keep their joiners, and lose their control characters`() {
        #expect(DisplayName.trimmed(" a\u{0}b\u{7}\u{2028}") == "a b")
        #expect(DisplayName.trimmed("👩\u{200D}🚀") == "👩\u{200D}🚀")
        #expect(DisplayName.trimmed("\u{202E}abc") == "\u{202E}abc")
    }

    @Test func `the admin lists an author without a name too`() async throws {
        try await ChatServer.run { server in
            try await server.store.writeTables { db in
                try db.execute(sql: "INSERT INTO chat_authors (name, created_at) VALUES ('', 0), ('Ariel', 0)")
            }
            let page = try await server.administrator().get("/admin/authors/").body
            #expect(page.contains("/admin/author/?id=1") && page.contains("/admin/author/?id=2"))
        }
    }

    @Test func `the lobby in a second window keeps the name that was typed`() async throws {
        try await ChatServer.run { server in
            let browser = server.browser()
            try await browser.get("/lobby/")
            let old = browser.token
            try await browser.post("/lobby/", ["username": "Ariel"])
            let second = try await browser.post("/lobby/", ["username": "Puck \"", "csrf_token": old])
            #expect(second.status == 403)
            #expect(second.body.contains("You are here as <strong><bdi>Ariel</bdi>"))
            #expect(second.body.contains(#"name="username" value="Puck &quot;""#))
            #expect(try await browser.post("/lobby/", ["username": "Puck"]).status == 302)
            let stale = try await browser.post("/sign-out/", ["csrf_token": old])
            #expect(stale.status == 403)
            #expect(stale.body.contains("You are here as <strong><bdi>Puck</bdi>"))
        }
    }

    @Test func `a message that is too long is refused in words for people`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            for size in [(1 << 20) + 1, 4 << 20] {
                let refused = try await ariel.post("/create-message/", ["content": String(repeating: "x", count: size)])
                #expect(refused.status == 413)
                #expect(refused.body.contains("The message is too long: 1048576 bytes are allowed."))
            }
        }
    }

    @Test(arguments: [
        "<script>alert(1)</script>", "\"' onfocus=alert(1) x=\"", "\"\u{301} onfocus=alert(1)", "a&amp;b",
        "\u{202E}abc",
        "名前 🌍", "{{name}}", "-- '; DROP TABLE chat_authors; --",
    ])
    func `a hostile name is text everywhere`(name: String) async throws {
        try await ChatServer.run { server in
            let browser = try await server.signedIn(name)
            let escaped = EscapedHTML().escapeText(name)
            for path in ["/", "/lobby/"] {
                let page = try await browser.get(path).body
                #expect(page.contains(escaped))
                #expect(escaped == name || !page.contains(name))
            }
            #expect(try await browser.post("/create-message/", ["content": name]).status == 201)
            let message = try #require(try await browser.messages(until: name).first)
            #expect(message.author__name == name)
            let admin = try await server.administrator()
            for path in ["/admin/messages/", "/admin/authors/", "/admin/author/?id=1"] {
                let page = try await admin.get(path).body
                #expect(page.contains(escaped))
                #expect(escaped == name || !page.contains(name))
            }
        }
    }

    @Test func `the public routes refuse the chat's group`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            try await ariel.post("/create-message/", ["content": "hello"])
            let id = try await ariel.messages(until: "hello")[0].id
            let base = "/groups/notify.chat"
            for path in [
                base, base + "/messages", base + "/events", base + "/messages/\(id)",
                "/events?group=a&group=notify.chat",
            ] {
                #expect(try await ariel.get(path).status == 403, "\(path)")
            }
            #expect(try await ariel.post(base + "/messages", ["data": "forged"]).status == 403)
            #expect(try await ariel.post("/groups/notify%2Echat/messages", ["data": "forged"]).status == 403)
            #expect(try await ariel.send(ariel.request(base + "/messages/\(id)", .DELETE)).status == 403)
            #expect(try await ariel.get("/groups").body.contains("notify.chat") == false)
        }
    }
}
