import Broker
import Logging
import NIOCore
import Testing

@testable import Gateway

/// What is logged of requests, and by which id they are found.
@Suite(.timeLimit(.minutes(1)))
struct RequestLogTests {
    private static let answered = "A request was answered"
    private static let refused = "A request was refused"

    @Test func `one line a request, at debug`() async throws {
        let record = LogRecord()
        try await TestServer.run(logger: record.logger(.debug)) { server async throws in
            let created = try await server.post("/groups/g/messages?event=secret", "x")
            #expect(created.status == 201)
            _ = try await server.get("/groups/g/messages/nonsense")
            let stream = try await server.stream("/groups/g/events")
            #expect(try await stream.event()?.type == "stream-open")
            await stream.close()
            try await eventually { record.lines("A stream has ended").count == 1 }
            let lines = record.lines(Self.answered)
            #expect(lines.map { $0.fields["status"] } == ["201", "404", "200"])
            #expect(lines.map { $0.fields["method"] } == ["POST", "GET", "GET"])
            #expect(
                lines.map { $0.fields["path"] } == [
                    "/groups/g/messages", "/groups/g/messages/nonsense", "/groups/g/events",
                ]
            )
            #expect(lines.allSatisfy { $0.level == .debug && $0.fields["address"] == "127.0.0.1" })
            #expect(lines[0].fields["id"] == created["x-request-id"])
            #expect(lines[0].fields["bytes"] == "\(created.body.count)")
            #expect(lines[0].fields["ms"].flatMap { Double($0) }.map { $0 >= 0 && $0 < 60_000 } == true)
            #expect(record.lines("A stream has ended")[0].fields["id"] == stream.head["x-request-id"])
            #expect(lines[2].fields["id"] == stream.head["x-request-id"])
            #expect(!record.lines.contains { line in line.fields.values.contains { $0.contains("secret") } })
        }
    }

    @Test func `a poll that nobody waits for any more is no stream`() async throws {
        let record = LogRecord()
        try await TestServer.run(logger: record.logger(.debug)) { server async throws in
            let client = try ResettingClient(port: server.port)
            client.send(TestServer.bytes("GET", "/groups/g/messages?wait=60s"))
            try await eventually { server.gateway.counters.liveStreams.value == 1 }
            client.reset()
            try await eventually { record.lines("A client went away before it was answered").count == 1 }
            try await eventually { server.gateway.counters.polls.value == 0 }
            #expect(record.lines("A stream has ended").isEmpty)
        }
    }

    @Test func `every answer has an id, and each its own`() async throws {
        try await TestServer.run { server async throws in
            var ids: [String] = []
            func note(_ response: RawResponse, sourceLocation: SourceLocation = #_sourceLocation) {
                let id = response["x-request-id"] ?? ""
                #expect(RequestID(given: id) != nil, sourceLocation: sourceLocation)
                ids.append(id)
            }
            note(try await server.get("/healthz"))
            note(try await server.get("/nothing"))
            note(try await server.request("OPTIONS", "*"))
            note(try await server.get("/groups", ["Host: evil.example"]))
            note(try await server.post("/groups/g/messages", ["X-Request-Id: mine"], "x"))
            note(try await server.stream().head)
            note(try await server.request("HEAD", "/groups/g/events"))
            let garbage = try await server.connect()
            await garbage.send("garbage\r\n\r\n")
            note(try await garbage.response())
            let pipelined = try await server.connect()
            await pipelined.send(String(repeating: TestServer.text("GET", "/healthz"), count: 2) + "garbage\r\n\r\n")
            for _ in 0..<3 { note(try await pipelined.response()) }
            #expect(Set(ids).count == ids.count)
            // Nobody has to be believed.
            #expect(!ids.contains("mine"))
        }
    }

    @Test func `the id of a trusted proxy is kept`() async throws {
        try await TestServer.run({ $0.trustedProxies = ["127.0.0.1"] }) { server async throws in
            let path = "/groups/g/messages"
            #expect(try await server.post(path, ["X-Request-Id: abc-1"], "x")["x-request-id"] == "abc-1")
            #expect(try await server.get("/nothing", ["X-Request-Id: abc-2"])["x-request-id"] == "abc-2")
            #expect(
                try await server.stream("/groups/g/events", ["X-Request-Id: abc-3"]).head["x-request-id"] == "abc-3"
            )
            for headers in [["X-Request-Id: a b"], ["X-Request-Id: a", "X-Request-Id: b"], ["X-Request-Id: "]] {
                let id = try await server.get("/healthz", headers)["x-request-id"] ?? ""
                #expect(!["a b", "a", "b", ""].contains(id))
            }
        }
    }

    @Test func `pages of other origins may read it`() async throws {
        try await TestServer.run({ $0.allowedOrigins = ["https://example.org"] }) { server async throws in
            let answer = try await server.get("/healthz", ["Origin: https://example.org"])
            #expect(answer["access-control-expose-headers"]?.contains("x-request-id") == true)
        }
    }

    @Test func `HTTP 2 has it in lower case`() async throws {
        try await TestServer.run({ ($0.allowsCleartextHTTP2, $0.trustedProxies) = (true, ["127.0.0.1"]) }) {
            server async throws in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/healthz", on: 1)
            #expect(try await client.status(on: 1) == 200)
        }
    }

    @Test func `refusals are logged at info, with their reason, and a flood is cut`() async throws {
        let record = LogRecord()
        try await TestServer.run(logger: record.logger(.info)) {
            server async throws in
            let refused = try await server.get("/groups?access=1", ["Host: evil.example"])
            #expect(refused.status == 403)
            let line = try #require(record.lines(Self.refused).first)
            #expect(line.level == .info)
            #expect(line.fields["reason"] == "host")
            #expect(line.fields["status"] == "403")
            #expect(line.fields["path"] == "/groups")
            #expect(line.fields["id"] == refused["x-request-id"])
            let connection = try await server.connect()
            let count = 200
            await connection.send(
                String(repeating: TestServer.text("GET", "/groups", ["Host: evil.example"]), count: count)
            )
            for _ in 0..<count { #expect(try await connection.response().status == 403) }
            #expect(record.lines(Self.refused).count == LogQuota<Notice>.lines)
            // No request, no path.
            let garbage = try await server.connect()
            await garbage.send("garbage\r\n\r\n")
            #expect(try await garbage.response().status == 400)
            let last = try #require(record.lines(Self.refused).last)
            #expect(last.fields["reason"] == "request")
            #expect(last.fields["path"] == nil)
            #expect(record.lines(Self.answered).isEmpty)
        }
    }

    @Test func `whoever has a token is named, and the token is not`() async throws {
        let record = LogRecord()
        let key = "nk_abcdefghijklmnopqrstuvwxyz"
        let file = APIKeyFile(keys: [.init(name: "shop", sha256: APIKeyFile.digest(of: key), publish: ["a"])])
        try await AccessTableTests.run(
            { $0.access.allowsQueryToken = true },
            apiKeys: file,
            logger: record.logger(.debug)
        ) {
            server,
            _ async throws in
            let token = TokenMaker.token(publish: ["a"], user: "anna")
            #expect(try await server.post("/groups/a/messages", ["Authorization: Bearer \(token)"], "x").status == 201)
            #expect(try await server.post("/groups/a/messages?access_token=\(token)", "x").status == 201)
            #expect(try await server.post("/groups/a/messages", ["Authorization: Bearer \(key)"], "x").status == 201)
            #expect(try await server.post("/groups/b/messages?access_token=\(token)", "x").status == 403)
            #expect(try await server.post("/groups/a/messages", ["Authorization: Bearer \(token)x"], "x").status == 401)
            let users = record.lines(Self.answered).map { $0.fields["user"] }
            #expect(users == ["anna", "anna", "shop", "anna", nil])
            #expect(record.lines(Self.refused).map { $0.fields["reason"] } == ["right", "token"])
            for line in record.lines {
                for text in line.fields.values + [line.message] {
                    #expect(!text.contains(token) && !text.contains(key), "\(line)")
                }
            }
        }
    }

    @Test func `a slow reader is logged at info`() async throws {
        let record = LogRecord()
        try await TestServer.run(
            { ($0.eventLoops, $0.connectionBufferBytes) = (1, 32 << 10) },
            logger: record.logger(.info)
        ) {
            server async throws in
            let connection = try await server.connect(receiveBuffer: 4096)
            await connection.send(TestServer.bytes("GET", "/groups/g/events"))
            let head = try await connection.head()
            try await connection.stopReading()
            let text = String(repeating: "x", count: 100_000)
            while server.gateway.counters.fellBehind.value == 0 {
                try await server.publish(text, to: "g")
                try Task.checkCancellation()
            }
            let message = SlowReader.fellBehind.sentence
            try await eventually { !record.lines(message).isEmpty }
            #expect(record.lines(message)[0].fields["id"] == head["x-request-id"])
            #expect(record.lines(message)[0].fields["reason"] == "fell-behind")
        }
    }
}
