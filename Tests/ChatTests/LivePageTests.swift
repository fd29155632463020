import Broker
import Gateway
import NIOHTTP1
import Testing

@testable import Chat

/// The admin's page that follows groups, and the one that shows tokens and refusals.
@Suite(.timeLimit(.minutes(1))) struct LivePageTests {
    private static let stream = "/admin/live/events/"

    @Test func `groups and patterns are followed together, but for those of applications`() async throws {
        try await ChatServer.run { server in
            for (group, text) in [("news", "1"), ("orders.eu", "2"), ("other", "3"), ("orders.us", "4")] {
                try await server.log.publish(MessageDraft(group: GroupName(group), text: text))
            }
            try await server.signedIn("Ada").post("/create-message/", ["content": "hidden"])
            let admin = try await server.administrator()
            let path = Self.stream + "?group=news&match=o*s.*&match=*&match=ord%5Ba-z%5Drs.us&last=20"
            let events = try await admin.events(path) { $0.data.contains(#""data":"4""#) }
            let data = events.filter { $0.name == "message" }.map(\.data)
            #expect(data.count == 4 && !data.contains { $0.contains("hidden") })
            #expect(data[1].contains(#""group":"orders.eu""#))
            // By its name it can be.
            let chat = try await admin.events(Self.stream + "?group=notify.chat&last=9") { $0.data.contains("hidden") }
            #expect(chat.last?.data.contains(#""group":"notify.chat""#) == true)
        }
    }

    @Test func `the stream goes on after an id`() async throws {
        try await ChatServer.run { server in
            let group = try GroupName("news")
            var ids: [String] = []
            for number in 1...4 {
                let message = try await server.log.publish(MessageDraft(group: group, text: "\(number)"))
                ids.append(message.id.map { "\($0)" } ?? "")
            }
            let admin = try await server.administrator()
            let events = try await admin.events(Self.stream + "?group=news&last_event_id=\(ids[1])") { $0.id == ids[3] }
            #expect(events.map(\.id) == [ids[1], ids[2], ids[3]])
            let reset = try await admin.events(Self.stream + "?group=news&last_event_id=x") {
                $0.name == "stream-reset"
            }
            #expect(reset.last?.data.contains("malformed") == true)
        }
    }

    @Test func `who looks on is told who follows a group, and is none of them`() async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let events = try await admin.events(Self.stream + "?group=news&match=o*&presence=true") {
                $0.name == "stream-presence"
            }
            #expect(events.last?.data == #"{"group":"news","count":0,"users":[],"more":false}"#)
        }
    }

    @Test func `what cannot be followed is refused with a sentence`() async throws {
        try await ChatServer.run { server in
            let admin = try await server.administrator()
            let many = (0..<101).map { "group=g\($0)" }.joined(separator: "&")
            for (query, status, word) in [
                ("", 400, "Name the groups"), ("group=a%20b", 400, "a b"), ("match=%5Bx", 400, "[x"),
                (many, 400, "101"),
                ((0..<11).map { "match=g\($0)*" }.joined(separator: "&"), 400, "11 patterns"),
            ] {
                let answer = try await admin.get(Self.stream + "?" + query)
                #expect(answer.status == status && answer.body.contains(word), "\(query) \(answer.body)")
            }
        }
    }

    @Test func `the page keeps what was asked for, and offers what there is`() async throws {
        try await ChatServer.run { server in
            for name in ["alpha", "beta"] {
                try await server.log.publish(MessageDraft(group: GroupName(name), text: "x"))
            }
            try await server.signedIn("Ada").post("/create-message/", ["content": "x"])
            let admin = try await server.administrator()
            let empty = try await admin.get("/admin/live/").body
            #expect(
                empty.contains(#"<a class="offer" href="?topics=alpha">alpha</a>"#) && !empty.contains("notify.chat")
            )
            #expect(empty.contains(#"name="group" value="""#) && !empty.contains("data-query"))
            let page = try await admin.get(
                "/admin/live/?topics=alpha,%20o*s.*&group=gamma&match=%3F&last_event_id=k-1&presence=true"
            ).body
            #expect(page.contains(#"name="topics" value="alpha o*s.* gamma ?""#))
            #expect(page.contains(#"href="?topics=alpha%20o%2As%2E%2A%20gamma%20%3F%20beta">beta</a>"#))
            let query =
                "group=alpha&amp;group=gamma&amp;match=o%2As%2E%2A&amp;match=%3F&amp;last_event_id=k%2D1&amp;presence=true"
            #expect(page.contains("data-query=\"\(query)\""))
            #expect(page.contains(#"id="presence" name="presence" value="true" checked"#))
            // What the form would refuse is not put into it.
            #expect(try await admin.get("/admin/live/?group=notify.chat").body.contains(#"name="group" value="""#))
            #expect(try await admin.get("/admin/live/?group=alpha").body.contains(#"name="group" value="alpha""#))
            let refused = try await admin.get("/admin/live/?topics=a%22b").body
            #expect(refused.contains("role=\"alert\"") && refused.contains("value=\"a&quot;b\""))
            #expect(!refused.contains("data-query"))
        }
    }

    @Test func `tokens and refusals are shown, and no token's text`() async throws {
        let keys = APIKeyFile(keys: [
            .init(name: "ops <b>", sha256: APIKeyFile.digest(of: "nk_ops"), admin: true),
            .init(name: "web", sha256: APIKeyFile.digest(of: "nk_web"), publish: ["orders.*"], subscribe: ["a", "b"]),
        ])
        try await ChatServer.run(keys: keys) { server in
            let admin = try await server.administrator()
            let before = try await admin.get("/admin/access/").body
            #expect(before.contains("No token has come yet") && before.contains("Nothing was refused"))
            #expect(
                try await server.browser().get("/connections", headers: ["Authorization": "Bearer nk_ops"]).status
                    == 200
            )
            #expect(
                try await server.browser().get("/groups/c", headers: ["Authorization": "Bearer nk_web"]).status == 403
            )
            #expect(
                try await server.browser().get("/groups/c", headers: ["Authorization": "Bearer nk_bad"]).status == 401
            )
            let page = try await admin.get("/admin/access/").body
            #expect(page.contains("ops &lt;b&gt;") && page.contains("publish orders.*; subscribe a, b"))
            #expect(page.contains("API key") && page.contains("never"))
            #expect(!page.contains("nk_") && !page.contains(APIKeyFile.digest(of: "nk_web")))
            #expect(page.contains("<code>token</code>") && page.contains("<code>right</code>"))
            #expect(page.contains("Compare what clients ask for"))
        }
        try await ChatServer.run { server in
            let page = try await server.administrator().get("/admin/access/").body
            #expect(page.contains("This server has no keys"))
        }
    }

    @Test(arguments: Rejection.allCases)
    func `every reason has its words`(reason: Rejection) {
        #expect(reason.meaning.hasSuffix(".") && reason.advice.hasSuffix("."))
    }
}
