import AsyncHTTPClient
import Broker
import Gateway
import NIOCore
import NIOHTTP1
import Testing

@testable import Chat

/// The admin for those who have no session: with a token that has the right `admin`.
@Suite(.timeLimit(.minutes(1))) struct AdminAccessTests {
    private static let keys = APIKeyFile(keys: [
        .init(name: "ops", sha256: APIKeyFile.digest(of: "nk_ops"), admin: true),
        .init(name: "web", sha256: APIKeyFile.digest(of: "nk_web"), publish: ["*"], subscribe: ["*"]),
    ])

    private static let paths = [
        "", "messages/", "authors/", "groups/", "connections/", "access/", "live/", "statistics/", "statistics/events/",
    ]

    private static func token(_ key: String) -> HTTPHeaders { ["Authorization": "Bearer \(key)"] }

    @Test func `a token with the right opens every page`() async throws {
        try await ChatServer.run(keys: Self.keys) { server in
            let browser = server.browser()
            for path in Self.paths where !path.hasSuffix("events/") {
                #expect(try await browser.get("/admin/" + path, headers: Self.token("nk_ops")).status == 200, "\(path)")
            }
            // The page gave a cookie, which its forms go with; it signs nobody in.
            #expect(browser.cookie("administrator") != nil)
            let form = try await browser.post(
                "/admin/publish/",
                ["group": "g", "data": "x"],
                headers: Self.token("nk_ops")
            )
            #expect(form.status == 201)
            #expect(try await browser.post("/admin/publish/", ["group": "g", "data": "x"]).status == 401)
            let other = try await server.browser().post(
                "/admin/publish/",
                ["group": "g", "data": "x"],
                headers: Self.token("nk_ops")
            )
            #expect(other.status == 403)
        }
    }

    @Test func `others are refused, and told what lacks`() async throws {
        try await ChatServer.run(keys: Self.keys) { server in
            for path in Self.paths where !path.hasSuffix("events/") {
                let none = try await server.browser().get("/admin/" + path)
                #expect(none.status == 401 && none.headers["www-authenticate"] == ["Bearer"], "\(path)")
                #expect(try await server.browser().get("/admin/" + path, headers: Self.token("nk_web")).status == 403)
                let bad = try await server.browser().get("/admin/" + path, headers: Self.token("nk_bad"))
                #expect(
                    bad.status == 401 && bad.headers["www-authenticate"].first?.contains("invalid_token") == true,
                    "\(path)"
                )
                // A person may sign in.
                let page = try await server.browser().get("/admin/" + path, headers: ["Accept": "text/html"])
                #expect(page.status == 302, "\(path)")
            }
            #expect(try await server.browser().get("/admin/statistics/events/").status == 403)
            // The session is as good as the token.
            let browser = try await server.administrator()
            #expect(try await browser.get("/admin/connections/").status == 200)
        }
    }

    /// INTERFACE: `admin`, or the admin's session; with the rules for cookies.
    @Test func `a session opens the figures and the connections, for its own pages`() async throws {
        try await ChatServer.run(keys: Self.keys) { server in
            let admin = try await server.administrator()
            let own: HTTPHeaders = ["Origin": server.url]
            for path in ["/metrics", "/connections"] {
                #expect(try await admin.get(path).status == 200)
                #expect(try await admin.get(path, headers: own).status == 200)
                #expect(try await admin.get(path, headers: ["Sec-Fetch-Site": "same-origin"]).status == 200)
                #expect(try await admin.get(path, headers: ["Sec-Fetch-Site": "same-site"]).status == 401)
                #expect(try await admin.get(path, headers: ["Origin": "https://evil.example"]).status == 403)
                #expect(try await server.browser().get(path).status == 401)
                // A token that does not count is refused in any case; one without the right takes nothing away.
                #expect(try await admin.get(path, headers: Self.token("nk_bad")).status == 401)
                #expect(try await admin.get(path, headers: Self.token("nk_web")).status == 200)
                #expect(try await server.browser().get(path, headers: Self.token("nk_web")).status == 403)
            }
            func end(_ headers: HTTPHeaders) async throws -> Int {
                var request = admin.request("/connections/x-1", .DELETE)
                request.headers.add(contentsOf: headers)
                return try await admin.send(request).status
            }
            #expect(try await end([:]) == 401)
            #expect(try await end(["Sec-Fetch-Site": "same-origin"]) == 401)
            #expect(try await end(["Origin": "https://evil.example"]) == 403)
            #expect(try await end(own) == 404)
            try await admin.post("/admin/sign-out/", [:])
            #expect(try await admin.get("/metrics").status == 401)
            // The chat's session is none.
            #expect(try await server.signedIn("Ada").get("/metrics").status == 401)
        }
    }

    @Test func `a stream of the admin ends with its token`() async throws {
        try await ChatServer.run(keys: Self.keys) { server in
            let browser = server.browser()
            var request = browser.request("/admin/live/events/?group=g")
            request.headers.add(contentsOf: Self.token("nk_ops"))
            let response = try await server.client.execute(request, timeout: .seconds(30))
            #expect(response.status == .ok)
            var text = ""
            for try await part in response.body {
                text += String(buffer: part)
                if text.contains("stream-open") { break }
            }
            #expect(text.contains("stream-open"))
        }
    }

    @Test func `without a password nobody signs in`() async throws {
        try await ChatServer.run(keys: Self.keys) {
            ($0.adminPassword, $0.generatesAdminPassword) = (nil, false)
        } _: { server in
            let browser = server.browser()
            let page = try await browser.get("/admin/sign-in/")
            #expect(page.status == 200 && page.body.contains("No password is set"))
            #expect(try await browser.post("/admin/sign-in/", ["password": ""]).status == 403)
            #expect(try await browser.get("/admin/").status == 401)
            #expect(try await browser.get("/admin/", headers: Self.token("nk_ops")).status == 200)
        }
    }

    @Test func `the admin is there without the chat`() async throws {
        try await ChatServer.run {
            $0.servesChat = false
        } _: { server in
            #expect(try await server.browser().get("/").status == 404)
            #expect(try await server.browser().get("/lobby/").status == 404)
            #expect(try await server.browser().get("/stream-chat-messages/").status == 404)
            let browser = try await server.administrator()
            #expect(try await browser.get("/admin/").status == 200)
        }
    }

    @Test func `connections are shown, and ended`() async throws {
        try await ChatServer.run { server in
            let reader = try await server.signedIn("Ada <b>")
            let admin = try await server.administrator()
            let events = try await reader.events("/stream-chat-messages/") {
                $0.name == "never"
            } whileOpen: {
                let page = try await admin.get("/admin/connections/")
                #expect(page.body.contains("Ada &lt;b&gt;") && page.body.contains("notify.chat"))
                #expect(page.body.contains("live") && page.body.contains("127.0.0.1"))
                let id = try #require(page.body.firstMatch(of: /name="id" value="([^"]+)"/)?.1)
                let answer = try await admin.post("/admin/connections/end/", ["id": String(id), "after": ""])
                #expect(answer.headers["location"] == ["/admin/connections/"])
                let next = try await admin.get("/admin/connections/")
                #expect(next.body.contains("was ended") && next.body.contains("No stream is open"))
                try await admin.post("/admin/connections/end/", ["id": String(id), "after": ""])
                #expect(try await admin.get("/admin/connections/").body.contains("had ended already"))
            }
            #expect(events.contains { $0.name == "stream-open" })
            #expect(try await admin.get("/admin/connections/?after=x").status == 302)
        }
    }
}
