import AsyncHTTPClient
import Broker
import Gateway
import NIOCore
import NIOHTTP1
import Testing

@testable import Chat

/// What a sign-out leaves open: nothing.
@Suite(.timeLimit(.minutes(2))) struct SignedOutTests {
    @Test func `open streams have ended when a sign-out is answered`() async throws {
        try await ChatServer.run { server in
            let browser = try await server.signedIn("Ariel")
            let stream = try await server.client.execute(
                browser.request("/stream-chat-messages/"),
                timeout: .seconds(60)
            )
            #expect(stream.status == .ok)
            #expect(server.chat.counters.streams.value == 1)
            #expect(try await browser.post("/sign-out/", [:]).status == 302)
            #expect(server.chat.counters.streams.value == 0)
            _ = try await stream.body.collect(upTo: 1 << 20)
        }
    }

    /// A stream that took its seat after the sign-out would go on for ever, and this would not end.
    @Test func `a stream that is asked for during a sign-out ends with it`() async throws {
        try await ChatServer.run { server in
            for _ in 0..<30 {
                let browser = try await server.signedIn("Ariel")
                let request = browser.request("/stream-chat-messages/")
                let client = server.client
                async let bodies: Void = withThrowingTaskGroup(of: Void.self) { tasks in
                    for _ in 0..<4 {
                        tasks.addTask {
                            let stream = try await client.execute(request, timeout: .seconds(100))
                            _ = try await stream.body.collect(upTo: 1 << 20)
                        }
                    }
                    try await tasks.waitForAll()
                }
                let answer = try await browser.post("/sign-out/", [:])
                #expect(answer.status == 302)
                try await bodies
            }
            #expect(server.chat.counters.streams.value == 0)
        }
    }

    @Test func `two servers of one host do not share the names of their cookies`() async throws {
        try await ChatServer.run { first in
            try await ChatServer.run { second in
                let (one, other) = (try await first.signedIn("Ariel"), try await second.signedIn("Ariel"))
                #expect(one.cookieName("session") != other.cookieName("session"))
                // A browser keeps both, and neither server minds the other's.
                for (name, value) in other.cookies { one.cookies[name] = value }
                let page = try await one.get("/")
                #expect(page.status == 200)
            }
        }
    }

    @Test func `the admin shows and finds what comes after a NUL`() async throws {
        try await ChatServer.run { server in
            let browser = try await server.signedIn("Ariel")
            #expect(try await browser.post("/create-message/", ["content": "visible\0HIDDEN"]).status == 201)
            try await server.log.publish(.init(group: .init("plain"), text: "before\0after"))
            let admin = try await server.administrator()
            let list = try await admin.get("/admin/messages/").body
            #expect(list.contains("HIDDEN"))
            #expect(list.contains("after"))
            #expect(try await admin.get("/admin/messages/?q=hidden").body.contains("visible"))
            #expect(try await admin.get("/admin/messages/?q=after").body.contains("before"))
            let nowhere = try await admin.get("/admin/messages/?q=nowhere").body
            #expect(!nowhere.contains("visible"))
        }
    }

    @Test func `a message's limit is for what is stored`() async throws {
        try await ChatServer.run { server in
            let browser = try await server.signedIn("Ariel")
            let escaped = String(repeating: "\u{1}", count: 200 << 10)
            #expect(try await browser.post("/create-message/", ["content": escaped]).status == 413)
            let plain = String(repeating: "x", count: 200 << 10)
            #expect(try await browser.post("/create-message/", ["content": plain]).status == 201)
        }
    }
}
