import Testing

/// History, and single messages.
@Suite(.timeLimit(.minutes(1)))
struct MessageRoutesTests {
    /// A question to a group with the messages 1 to 10 at the ids 2, 4 … 20, and its answer.
    struct Page: Sendable, CustomTestStringConvertible {
        let query: String
        let data: [Int]
        let hasMore: Bool
        var testDescription: String { query }

        init(_ query: String, _ data: some Sequence<Int>, more hasMore: Bool = false) {
            (self.query, self.data, self.hasMore) = (query, Array(data), hasMore)
        }
    }

    @Test(
        arguments: [
            Page("", 1...10),
            Page("?limit=1000", 1...10),
            Page("?limit=10", 1...10),
            Page("?limit=3", 8...10, more: true),
            Page("?limit=1", 10...10, more: true),
            Page("?before=EPOCH-16", 1...7),
            Page("?before=EPOCH-16&limit=3", 5...7, more: true),
            Page("?before=EPOCH-7&limit=3", 1...3),
            Page("?before=EPOCH-2", []),
            Page("?before=EPOCH-0", []),
            Page("?before=EPOCH-9223372036854775807&limit=2", 9...10, more: true),
            Page("?after=EPOCH-0", 1...10),
            Page("?after=EPOCH-0&limit=3", 1...3, more: true),
            Page("?after=EPOCH-6&limit=7", 4...10),
            Page("?after=EPOCH-7&limit=6", 4...9, more: true),
            Page("?after=EPOCH-20", []),
            Page("?after=EPOCH-9223372036854775807", []),
            Page("?since=all&limit=4", 1...4, more: true),
            Page("?since=EPOCH-18", 10...10),
            Page("?since=latest", []),
            Page("?since=1h&limit=2", 1...2, more: true),
            Page("?since=2020-01-01T00:00:00Z", 1...10),
            Page("?since=2099-01-01T00:00:00Z", []),
        ]
    )
    func `pages of history, always ascending`(page: Page) async throws {
        try await TestServer.run { server in
            for number in 1...10 {
                try await server.publish("other", to: "other-group")
                try await server.publish("\(number)")
            }
            let query = page.query.replacing("EPOCH", with: server.epoch)
            let response = try await server.get("/groups/test-group/messages" + query)
            #expect(response.status == 200)
            #expect(response["content-type"] == "application/json")
            #expect(response.keys == ["messages", "has_more"])
            let history = try response.json(HistoryBody.self)
            #expect(history.data == page.data.map { "\($0)" })
            #expect(history.messages.map(\.id) == page.data.map { server.id($0 * 2) })
            #expect(history.has_more == page.hasMore)
            #expect(history.messages.allSatisfy { $0.group == "test-group" && $0.event == "message" })
        }
    }

    @Test(
        arguments: [
            ("limit=-1", "1000"), ("limit=0", "1000"), ("limit=1001", "1000"), ("limit=x", "1000"), ("limit=", "1000"),
            ("limit=99999999999999999999", "1000"), ("after=x", "after='x'"), ("before=", "message id"),
            ("since=yesterday", "10m"), ("since=2026-02-30T00:00:00Z", "2026-02-30"),
            ("after=EPOCH-1&before=EPOCH-2", "one of"),
            ("since=all&before=EPOCH-2", "one of"),
            ("since=all&after=EPOCH-2", "one of"), ("after=%FF", "escape"),
        ]
    )
    func `a question that makes no sense is 400`(query: String, words: String) async throws {
        try await TestServer.run { server in
            let query = query.replacing("EPOCH", with: server.epoch)
            try expectProblem(try await server.get("/groups/test-group/messages?" + query), 400, words)
        }
    }

    @Test(arguments: ["after", "before", "since"])
    func `a bound from another database is 409`(bound: String) async throws {
        try await TestServer.run { server in
            let response = try await server.get("/groups/test-group/messages?\(bound)=otherone-1")
            try expectProblem(response, 409, "another database", server.epoch)
        }
    }

    @Test func `a group that nobody has used has no messages`() async throws {
        try await TestServer.run { server async throws in
            #expect(try await server.get("/groups/nobody/messages").text == "{\"messages\":[],\"has_more\":false}\n")
        }
    }

    @Test func `one message`() async throws {
        try await TestServer.run { server in
            try await server.publish("x", event: "greeting")
            let response = try await server.get("/groups/test-group/messages/\(server.id(1))")
            #expect(response.status == 200)
            #expect(response["content-type"] == "application/json")
            let message = try response.json(MessageBody.self)
            #expect(message.id == server.id(1))
            #expect(message.group == "test-group")
            #expect(message.event == "greeting")
            #expect(message.data == "x")
        }
    }

    @Test(arguments: ["EPOCH-2", "EPOCH-0", "EPOCH-9223372036854775807", "otherone-1", "EPOCH", "x", "EPOCH-1x", "%FF"])
    func `no such message is 404`(id: String) async throws {
        try await TestServer.run { server in
            try await server.publish("x")
            let path = "/groups/test-group/messages/" + id.replacing("EPOCH", with: server.epoch)
            try expectProblem(try await server.get(path), 404, "test-group")
            try expectProblem(try await server.request("DELETE", path), 404, "test-group")
        }
    }

    @Test func `a message of another group is 404`() async throws {
        try await TestServer.run { server in
            try await server.publish("x", to: "other-group")
            let path = "/groups/test-group/messages/\(server.id(1))"
            try expectProblem(try await server.get(path), 404)
            try expectProblem(try await server.request("DELETE", path), 404)
            #expect(try await server.get("/groups/other-group/messages/\(server.id(1))").status == 200)
        }
    }

    @Test func `a deleted message is gone`() async throws {
        try await TestServer.run { server in
            try await server.publish("1", "2", "3")
            let path = "/groups/test-group/messages/\(server.id(2))"
            let deleted = try await server.request("DELETE", path)
            #expect(deleted.status == 204)
            #expect(deleted.body.isEmpty)
            #expect(deleted["content-length"] == nil)
            try expectProblem(try await server.get(path), 404)
            try expectProblem(try await server.request("DELETE", path), 404)
            let history = try await server.get("/groups/test-group/messages").json(HistoryBody.self)
            #expect(history.data == ["1", "3"])
        }
    }
}
