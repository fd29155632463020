import Broker
import Foundation
import NIOHTTP1
import Testing

@testable import Chat

@Suite(.timeLimit(.minutes(2))) struct AdminTests {
    @Test func `nothing of the admin is for strangers`() async throws {
        try await ChatServer.run { server in
            let stranger = server.browser()
            for path in ["", "messages/", "authors/", "author/?id=1", "groups/", "live/", "statistics/"] {
                let answer = try await stranger.get("/admin/" + path)
                #expect(answer.status == 302, "\(path)")
                #expect(answer.headers["location"] == ["/admin/sign-in/"])
            }
            for path in [
                "messages/delete/", "author/rename/", "author/delete/", "groups/purge/", "publish/", "sign-out/",
            ] {
                #expect(try await stranger.post("/admin/" + path, [:]).status == 403, "\(path)")
            }
            #expect(try await stranger.get("/admin/statistics/events/").status == 403)
            #expect(try await stranger.get("/admin/live/events/?group=a").status == 403)
        }
    }

    @Test func `wrong passwords are refused, and after ten also the right one`() async throws {
        try await ChatServer.run { server in
            let browser = server.browser()
            try await browser.get("/admin/sign-in/")
            for _ in 0..<10 { #expect(try await browser.post("/admin/sign-in/", ["password": "x"]).status == 403) }
            let refused = try await browser.post("/admin/sign-in/", ["password": ChatServer.password])
            #expect(refused.status == 429)
            let seconds = try #require(refused.headers["retry-after"].first.flatMap { Int($0) })
            #expect((1...60).contains(seconds))
        }
    }

    @Test func `a password that is set can be tried again after a minute, one that was made is never locked`()
        async throws
    {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        try store.migrate(ChatSchema.migrator)
        var configuration = ChatConfiguration()
        configuration.adminPassword = "set"
        let set = try #require(try await AdminPassword.load(configuration, store))
        func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_000_000 + seconds * 1000) }
        for second in 0..<10 { #expect(set.check("x", now: time(Int64(second))) == .wrong) }
        #expect(set.check("set", now: time(10)) == .tooMany(retryAfterSeconds: 50))
        #expect(set.check("set", now: time(60)) == .right)
        let made = try #require(try await AdminPassword.load(ChatConfiguration(), store))
        for _ in 0..<20 { #expect(made.check("x") == .wrong) }
        #expect(made.check(try #require(made.generated)) == .right)
        try await store.close()
    }

    @Test func `what is done to a list leads back to it, and is told once`() async throws {
        try await ChatServer.run { server in
            let group = try GroupName("other")
            for text in ["a b", "c"] { try await server.log.publish(MessageDraft(group: group, text: text)) }
            let admin = try await server.administrator()
            let page = try await admin.get("/admin/messages/?q=a+b&group=other").body
            #expect(page.contains(#"<input type="hidden" name="q" value="a b">"#))
            let list = "/admin/messages/?q=a%20b&group=other"
            let filter = ["q": "a b", "group": "other"]
            let none = try await admin.post("/admin/messages/delete/", filter)
            #expect(none.headers["location"] == [list])
            #expect(try await admin.get(list).body.contains("No message was chosen"))
            let chosen = filter.merging(["message": "1.other"]) { $1 }
            let question = try await admin.post("/admin/messages/delete/", chosen).body
            #expect(question.contains(#"href="/admin/messages/?q=a%20b&amp;group=other""#))
            #expect(question.contains(#"<input type="hidden" name="q" value="a b">"#))
            let done = try await admin.post("/admin/messages/delete/", chosen.merging(["confirmed": "yes"]) { $1 })
            #expect(done.headers["location"] == [list])
            let purge = try await admin.post("/admin/groups/purge/", ["group": "other", "q": "ot", "confirmed": "yes"])
            #expect(purge.headers["location"] == ["/admin/groups/?q=ot"])
            #expect(try await admin.get("/admin/groups/?q=ot").body.contains("The group other was purged."))
            #expect(try await !admin.get("/admin/groups/?purged=forged").body.contains("forged"))
        }
    }

    @Test func `a form of the admin that is refused leads to the admin`() async throws {
        try await ChatServer.run { server in
            let stranger = server.browser()
            let refused = try await stranger.post("/admin/messages/delete/", [:], headers: ["Accept": "text/html"])
            #expect(refused.status == 403)
            #expect(refused.body.contains(#"href="/admin/""#) && !refused.body.contains(#"href="/lobby/""#))
            try await stranger.get("/admin/sign-in/")
            let old = try await stranger.post("/admin/sign-in/", ["password": "x", "csrf_token": "old"])
            #expect(old.status == 403)
            #expect(old.body.contains("The page was old") && old.body.contains(stranger.token))
        }
    }

    @Test func `a page that is not there is a page of the admin that says so`() async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let missing = try await admin.get("/admin/nope/", headers: ["Accept": "text/html"])
            #expect(missing.status == 404)
            #expect(missing.body.contains("There is no such page") && missing.body.contains(#"href="/admin/""#))
            #expect(try await server.browser().get("/admin/nope").status == 302)
        }
    }

    @Test func `a password is made once, and kept as a digest`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        try store.migrate(ChatSchema.migrator)
        let made = try #require(try await AdminPassword.load(ChatConfiguration(), store))
        let password = try #require(made.generated)
        let kept = try #require(try await AdminPassword.load(ChatConfiguration(), store))
        #expect(kept.generated == nil)
        #expect(kept.check(password) == .right)
        #expect(kept.check(password + "x") == .wrong)
        var configuration = ChatConfiguration()
        configuration.generatesAdminPassword = false
        #expect(try await AdminPassword.load(configuration, store) == nil)
        try await store.close()
    }

    @Test func `messages are found by text, group, author and day, page by page`() async throws {
        try await ChatServer.run { server in
            let ariel = try await server.signedIn("Ariel")
            try await ariel.post("/create-message/", ["content": "100% \"sure\""])
            let group = try GroupName("other")
            for number in 0..<60 { try await server.log.publish(MessageDraft(group: group, text: "text \(number)")) }
            let admin = try await server.administrator()
            func rows(_ query: String) async throws -> Int {
                try await admin.get("/admin/messages/" + query).body.matches(of: /name="message"/).count
            }
            #expect(try await rows("") == 50)
            #expect(try await rows("?before=12") == 11)
            #expect(try await rows("?q=100%25+%22sure%22") == 1)
            #expect(try await rows("?q=100_") == 0)
            #expect(try await rows("?author=Ariel") == 1)
            #expect(try await rows("?group=other&q=text+5") == 11)
            #expect(try await rows("?to=2001-01-01") == 0)
            #expect(try await rows("?from=2001-01-01&group=notify.chat") == 1)
            let page = try await admin.get("/admin/messages/?group=other").body
            #expect(page.contains("?group=other&amp;before=12"))
        }
    }

    @Test func `a message is deleted after a confirmation, with the form's token`() async throws {
        try await ChatServer.run { server in
            let group = try GroupName("other")
            let id = try #require(try await server.log.publish(MessageDraft(group: group, text: "secret")).id)
            let admin = try await server.administrator()
            let chosen = "\(id.sequence).other"
            let forged = ["message": chosen, "confirmed": "yes", "csrf_token": "x"]
            #expect(try await admin.post("/admin/messages/delete/", forged).status == 403)
            let question = try await admin.post("/admin/messages/delete/", ["message": chosen])
            #expect(question.status == 200)
            #expect(question.body.contains("Delete this message?") && question.body.contains("secret"))
            #expect(try await server.store.message(id.sequence, in: group) != nil)
            let done = try await admin.post("/admin/messages/delete/", ["message": chosen, "confirmed": "yes"])
            #expect(done.headers["location"] == ["/admin/messages/"])
            #expect(try await server.store.message(id.sequence, in: group) == nil)
            #expect(try await admin.get("/admin/messages/").body.contains("1 message was deleted."))
            #expect(try await !admin.get("/admin/messages/").body.contains("was deleted"))
        }
    }

    @Test(arguments: ["9223372036854775807", "-9223372036854775808", "9223372036854775806", "0"])
    func `a number that no message has is no reason to stop`(sequence: String) async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let chosen = "\(sequence).other"
            for fields in [["message": chosen], ["message": chosen, "confirmed": "yes"]] {
                let status = try await admin.post("/admin/messages/delete/", fields).status
                #expect(status == 200 || status == 302)
            }
            for page in ["messages/?before=", "author/?id="] {
                let status = try await admin.get("/admin/" + page + sequence).status
                #expect(status == 200 || status == 404)
            }
            #expect(try await admin.get("/admin/").status == 200)
        }
    }

    @Test(arguments: ["statistics/events/", "live/events/?group=news"])
    func `signing out ends the admin's streams`(path: String) async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let events = try await admin.events("/admin/" + path) { _ in
                false
            } whileOpen: {
                let answer = try await admin.post("/admin/sign-out/", [:])
                #expect(answer.status == 302)
            }
            #expect(events.map(\.name) == ["stream-open"])
        }
    }

    @Test func `another password ends the sessions of the one before, a restart does not`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID()).sqlite").path
        defer {
            for suffix in ["", "-wal", "-shm", "-lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        }
        var cookies: [String: String] = [:]
        func status(_ configure: (inout ChatConfiguration) -> Void) async throws -> Int {
            var status = 0
            try await ChatServer.run(path: path, configure: configure) { server in
                let browser = server.browser()
                browser.cookies = cookies
                status = try await browser.get("/admin/messages/").status
            }
            return status
        }
        try await ChatServer.run(path: path) { cookies = try await $0.administrator().cookies }
        #expect(try await status({ _ in }) == 200)
        #expect(try await status { $0.adminPassword = "another" } == 302)
        #expect(try await status { $0.adminPassword = nil } == 302)
    }

    @Test func `a group is purged, and the admin publishes and follows`() async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let fields = ["group": "news", "event": "greeting", "data": "hello"]
            let published = try await admin.post("/admin/publish/", fields)
            #expect(published.status == 201)
            #expect(try await admin.post("/admin/publish/", ["group": "a b", "data": "x"]).status == 400)
            #expect(try await admin.post("/admin/publish/", ["group": "news", "data": ""]).status == 400)
            #expect(try await admin.post("/admin/publish/", ["group": "notify.chat", "data": "x"]).status == 403)
            let events = try await admin.events("/admin/live/events/?group=news&last=5") { $0.name == "message" }
            #expect(events.last?.data.contains(#""data":"hello","event":"greeting""#) == true)
            #expect(try await admin.get("/admin/groups/").body.contains("news"))
            #expect(try await admin.post("/admin/groups/purge/", ["group": "news", "confirmed": "yes"]).status == 302)
            #expect(try await server.store.group(GroupName("news"))?.messages == 0)
        }
    }

    @Test func `the overview's stream tells the figures`() async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let running = Task { try await server.chat.run() }
            let events = try await admin.events("/admin/statistics/events/") { $0.data.contains(#""streams":1"#) }
            #expect(events.last?.name == "message")
            #expect(try await admin.get("/admin/statistics/").body.contains("database_bytes"))
            running.cancel()
            try await running.value
        }
    }
}
