import Broker
import Testing

/// `DELETE /groups/{group}/messages`.
@Suite(.timeLimit(.minutes(1)))
struct PurgeTests {
    @Test func `a purge removes up to an id, or all, and tells those who resume`() async throws {
        try await TestServer.run { server in
            for text in ["1", "2", "3"] {
                try await server.publish(text)
                try await server.publish("other", to: "other")
            }
            let path = "/groups/test-group/messages"
            let answer = try await server.request("DELETE", "\(path)?through=\(server.id(3))")
            #expect(answer.status == 204 && answer.body.isEmpty)
            #expect(try await server.get(path).json(HistoryBody.self).data == ["3"])
            let stream = try await server.stream("/groups/test-group/events?since=\(server.id(1))")
            #expect(try await stream.events(3).map(\.type) == ["stream-open", "stream-reset", "message"])
            #expect(try await server.request("DELETE", path).status == 204)
            #expect(try await server.get(path).json(HistoryBody.self).data.isEmpty)
            #expect(try await server.get("/groups/other/messages").json(HistoryBody.self).data.count == 3)
            // A group without messages, and one that nobody has used: nothing is left to do.
            #expect(try await server.request("DELETE", path).status == 204)
            #expect(try await server.request("DELETE", "/groups/nobody/messages").status == 204)
            // Beyond what was published: what comes later stays.
            let far = "\(path)?through=\(server.epoch)-9223372036854775807"
            #expect(try await server.request("DELETE", far).status == 204)
            try await server.publish("later")
            #expect(try await server.get(path).json(HistoryBody.self).data == ["later"])
        }
    }

    @Test(arguments: [
        ("through=x", 400), ("through=", 400), ("through=otherone-1", 409), ("before=x", 400),
        ("through=EPOCH-1&through=EPOCH-1", 400),
    ])
    func `what makes no sense removes nothing`(query: String, status: Int) async throws {
        try await TestServer.run { server in
            try await server.publish("1")
            let query = query.replacing("EPOCH", with: server.epoch)
            try expectProblem(try await server.request("DELETE", "/groups/test-group/messages?\(query)"), status)
            #expect(try await server.get("/groups/test-group/messages").json(HistoryBody.self).data == ["1"])
        }
    }
}
