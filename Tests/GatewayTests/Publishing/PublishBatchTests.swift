import Broker
import Foundation
import Gateway
import Testing

/// `POST /messages`.
@Suite(.timeLimit(.minutes(1)))
struct PublishBatchTests {
    private static let type = ["Content-Type: application/x-ndjson"]

    private struct IDs: Decodable {
        let ids: [String]
    }

    @Test func `many messages, in order`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream("/events?group=a&group=b")
            let body = """
                {"group":"a","data":"1"}\r
                {"group":"b","event":"e","data":{ "x" : 2 }}

                  \t
                {"group":"a","data":"3","ttl":60}
                """
            let response = try await server.post("/messages", Self.type, body)
            #expect(response.status == 201)
            #expect(try response.json(IDs.self).ids == [server.id(1), server.id(2), server.id(3)])
            let events = try await stream.events(4).dropFirst()
            #expect(events.map(\.data) == ["1", "{\"x\":2}", "3"])
            #expect(events.map(\.id) == [server.id(1), server.id(2), server.id(3)])
        }
    }

    @Test func `empty lines are bounded as well`() async throws {
        try await TestServer.run({ $0.maximumBatchMessages = 5 }) { server in
            let message = #"{"group":"a","data":"1"}"#
            let most = try await server.post("/messages", Self.type, String(repeating: "\n", count: 19) + message)
            #expect(most.status == 201)
            let many = try await server.post("/messages", Self.type, String(repeating: "\n", count: 20) + message)
            #expect(many.status == 413 && many.text.contains("more than 20 lines"), "\(many.text)")
            #expect(server.log.frontier.sequence == 1)
        }
    }

    @Test(
        arguments: [
            ("nonsense", 400, "Line 2: This is not JSON"), ("[]", 400, "Line 2: This must be a JSON object"),
            ("{\"data\":1}", 400, "Line 2: The message has no \"group\""),
            ("{\"group\":\"a\"}", 400, "Line 2: The message has no \"data\""),
            ("{\"group\":\"a b\",\"data\":1}", 400, "Line 2: "), ("{\"group\":1,\"data\":1}", 400, "must be a string"),
            ("{\"group\":\"a\",\"data\":1,\"id\":1}", 400, "There are group, event, data, ttl"),
            ("{\"group\":\"a\",\"event\":\"stream-open\",\"data\":1}", 400, "Line 2: "),
            ("{\"group\":\"a\",\"ttl\":0,\"data\":1}", 400, "Line 2: "),
        ]
    )
    func `one bad line refuses all`(line: String, status: Int, words: String) async throws {
        try await TestServer.run { server in
            let good = "{\"group\":\"a\",\"data\":1}"
            for body in [good + "\n" + line, good + "\n" + line + "\n" + good + "\n"] {
                let response = try await server.post("/messages", Self.type, body)
                try expectProblem(response, status, words, "Nothing was published")
            }
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `a message over the limit names its line`() async throws {
        try await TestServer.run(log: .init(maximumMessageSize: 10)) { server in
            let body = "{\"group\":\"a\",\"data\":\"1\"}\n\n{\"group\":\"a\",\"data\":\"0123456789x\"}"
            try expectProblem(try await server.post("/messages", Self.type, body), 413, "Line 3: ", "11 bytes")
        }
    }

    @Test func `too many messages, and too many bytes`() async throws {
        let line = "{\"group\":\"a\",\"data\":1}\n"
        try await TestServer.run({ $0.maximumBatchMessages = 3 }) { server in
            #expect(try await server.post("/messages", Self.type, String(repeating: line, count: 3)).status == 201)
            let response = try await server.post("/messages", Self.type, String(repeating: line, count: 4))
            try expectProblem(response, 413, "--max-batch-messages")
        }
        try await TestServer.run({ $0.maximumBatchBytes = 100 }) { server in
            let response = try await server.post("/messages", Self.type, String(repeating: line, count: 5))
            try expectProblem(response, 413, "--max-batch-size")
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `a long line is read off the event loop, in its place`() async throws {
        try await TestServer.run({ $0.eventLoops = 1 }) { server in
            let numbers = "[" + Array(repeating: "1", count: 100_000).joined(separator: ",") + "]"
            let long = "{\"group\":\"a\",\"data\":\(numbers)}"
            let stream = try await server.stream("/events?group=a")
            let body = "{\"group\":\"a\",\"data\":\"1\"}\n\n\(long)\n{\"group\":\"a\",\"data\":\"3\"}\n"
            #expect(try await server.post("/messages", Self.type, body).status == 201)
            let events = try await stream.events(4).dropFirst()
            #expect(events.map(\.data) == ["1", numbers, "3"])
            for (line, words) in [(long.dropLast(), "This is not JSON"), ("\(long)x", "This is not JSON")] {
                let response = try await server.post("/messages", Self.type, body + line + "\n")
                try expectProblem(response, 400, "Line 5: ", words, "Nothing was published")
            }
            #expect(server.log.frontier.sequence == 3)
        }
    }

    @Test func `what is no batch`() async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.post("/messages", Self.type, " \n\n"), 400, "no message")
            try expectProblem(try await server.post("/messages", ["Content-Type: text/plain"], "x"), 415, "x-ndjson")
            try expectProblem(try await server.post("/messages", Self.type + ["Idempotency-Key: k"], "{}"), 501)
            try expectProblem(try await server.request("PUT", "/messages"), 405)
            let line = "{\"group\":\"a\",\"data\":1}"
            try expectProblem(try await server.post("/messages?persist=false", Self.type, line), 501, "not stored")
            for name in ["ttl", "event", "group"] {
                try expectProblem(try await server.post("/messages?\(name)=1", Self.type, line), 400, "line")
            }
            #expect(server.log.frontier.sequence == 0)
            #expect(try await server.post("/messages?persist=true", Self.type, line).status == 201)
        }
    }

    /// Every place of the body at which the network may have cut it.
    @Test func `lines come in pieces`() async throws {
        try await TestServer.run { server in
            let body =
                "{\"group\":\"a\",\"data\":\"é\"}\n{\"group\":\"a\",\"data\":\"2\"}\n{\"group\":\"a\",\"data\":\"3\"}"
            let request = TestServer.bytes("POST", "/messages", Self.type, body: Array(body.utf8))
            let connection = try await server.connect()
            for byte in request { await connection.send([byte]) }
            #expect(try await connection.response().status == 201)
            let history = try await server.get("/groups/a/messages").json(HistoryBody.self)
            #expect(history.data == ["é", "2", "3"])
        }
    }
}
