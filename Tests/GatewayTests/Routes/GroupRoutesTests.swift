import Testing

/// The groups and their counts.
@Suite(.timeLimit(.minutes(1)))
struct GroupRoutesTests {
    @Test func `a group that nobody has used has zeros`() async throws {
        try await TestServer.run { server async throws in
            #expect(
                try await server.get("/groups/nobody").text
                    == "{\"group\":\"nobody\",\"messages\":0,\"subscribers\":0,\"first_id\":null,\"last_id\":null}\n"
            )
            #expect(try await server.get("/groups").text == "{\"groups\":[],\"has_more\":false}\n")
        }
    }

    @Test func `a group has its counts`() async throws {
        try await TestServer.run { server in
            try await server.publish("1", to: "other")
            try await server.publish("2", "3", "4")
            let stream = try await server.stream()
            _ = try await stream.event()
            let expected = GroupBody(
                group: "test-group",
                messages: 3,
                subscribers: 1,
                first_id: server.id(2),
                last_id: server.id(4)
            )
            #expect(try await server.get("/groups/test-group").json(GroupBody.self) == expected)
            #expect(try await server.get("/groups").json(GroupsBody.self).groups.last == expected)
        }
    }

    @Test(
        arguments: [
            ("", ["B", "a", "a.b", "aa", "ab", "b", "c"], false),
            ("?prefix=a", ["a", "a.b", "aa", "ab"], false),
            ("?prefix=a&after=a.b", ["aa", "ab"], false),
            ("?after=ab", ["b", "c"], false),
            ("?after=c", [], false),
            ("?limit=3", ["B", "a", "a.b"], true),
            ("?limit=7", ["B", "a", "a.b", "aa", "ab", "b", "c"], false),
            ("?limit=2&after=a", ["a.b", "aa"], true),
            ("?limit=1&prefix=ab", ["ab"], false),
            ("?prefix=x", [], false),
            ("?prefix=%C3%BC", [], false),
        ] as [(String, [String], Bool)]
    )
    func `are listed by name, with those that are only listened to`(
        query: String,
        names: [String],
        hasMore: Bool
    ) async throws {
        try await TestServer.run { server in
            for name in ["b", "a", "B", "aa", "a.b"] { try await server.publish("x", to: name) }
            let stream = try await server.stream("/events?group=ab&group=c&group=a")
            _ = try await stream.event()
            let response = try await server.get("/groups" + query)
            #expect(response.status == 200)
            #expect(response.keys == ["groups", "has_more"])
            let body = try response.json(GroupsBody.self)
            #expect(body.names == names)
            #expect(body.has_more == hasMore)
        }
    }

    @Test(arguments: ["limit=-1", "limit=0", "limit=1001", "limit=x"])
    func `a limit out of its bounds is 400`(query: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get("/groups?" + query), 400, "1000")
        }
    }

    @Test func `pages follow one another without a gap`() async throws {
        try await TestServer.run { server async throws in
            let names = (10...49).map { "g\($0)" }
            for name in names { try await server.publish("x", to: name) }
            var found: [String] = []
            while true {
                let after = found.last.map { "&after=\($0)" } ?? ""
                let page = try await server.get("/groups?limit=7" + after).json(GroupsBody.self)
                found += page.names
                guard page.has_more else { break }
            }
            #expect(found == names)
        }
    }
}
