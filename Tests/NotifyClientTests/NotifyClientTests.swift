import NIOHTTP1
import ScriptedServer
import Testing

@testable import NotifyClient

struct NotifyClientTests {
    static let published =
        #"{"id":"e-1","group":"g","event":"message","data_bytes":5,"created_at":"2026-11-21T10:54:23.125Z"}"#

    /// Runs the body with a client of a scripted server.
    static func with<Result>(
        configuration: NotifyClient.Configuration = .init(),
        script: @escaping ScriptedServer.Script,
        _ body: (NotifyClient, ScriptedServer) async throws -> Result
    ) async throws -> Result {
        try await ScriptedServer.run(script: script) { server in
            try await withClient(url: server.url, configuration: configuration) { try await body($0, server) }
        }
    }

    /// Shuts the client down however the body ends: one that is not shut down ends the process, and all tests with it.
    static func withClient<Result>(
        url: String,
        configuration: NotifyClient.Configuration = .init(),
        _ body: (NotifyClient) async throws -> Result
    ) async throws -> Result {
        let client = try NotifyClient(url: url, configuration: configuration)
        do {
            let result = try await body(client)
            try await client.shutdown()
            return result
        } catch {
            try await client.shutdown()
            throw error
        }
    }

    static func error(of body: () async throws -> Void) async throws -> NotifyClientError {
        do {
            try await body()
        } catch let error as NotifyClientError {
            return error
        }
        return NotifyClientError(.invalidArgument, "no error was thrown")
    }

    @Test func `publish sends the text as it stands`() async throws {
        let data = "ä\r\n\u{0}🦊 "
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            let message = try await client.publish(group: "a.b-c_D1", event: "new & improved+/ä", data: data)
            #expect(message.id == "e-1")
            #expect(message.dataBytes == 5)
            #expect(message.createdAt == "2026-11-21T10:54:23.125Z")
            let request = try #require(server.requests.first)
            #expect(request.method == .POST)
            #expect(request.uri == "/groups/a.b-c_D1/messages?event=new%20%26%20improved%2B%2F%C3%A4")
            #expect(request.headers["content-type"] == ["text/plain; charset=utf-8"])
            #expect(request.body == data)
        }
    }

    @Test func `publish without storing`() async throws {
        let script: ScriptedServer.Script = { try await $1.answer(.accepted, #"{"group":"g","event":"message"}"#) }
        try await Self.with(script: script) { client, server in
            let message = try await client.publish(group: "g", data: "x", persist: false)
            #expect(message.id == nil)
            #expect(server.requests.first?.uri == "/groups/g/messages?persist=false")
        }
    }

    @Test func `empty data is said in JSON, as an empty body is refused`() async throws {
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            try await client.publish(group: "g", event: "e", data: "")
            let request = try #require(server.requests.first)
            #expect(request.uri == "/groups/g/messages")
            #expect(request.headers["content-type"] == ["application/json"])
            #expect([#"{"event":"e","data":""}"#, #"{"data":"","event":"e"}"#].contains(request.body))
        }
    }

    @Test func `with an idempotency key a broken connection is tried once more`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            if request.number == 0 {
                try await exchange.close()
            } else {
                try await exchange.answer(.created, Self.published)
            }
        }
        try await Self.with(script: script) { client, server in
            try await client.publish(group: "g", data: "x", idempotencyKey: "k 1")
            #expect(server.requests.map { $0.headers["idempotency-key"] } == [["k 1"], ["k 1"]])
        }
        try await Self.with(script: script) { client, server in
            let error = try await Self.error { try await client.publish(group: "g", data: "x") }
            #expect(error.code == .connectionLost)
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        arguments: [
            (.seconds(60), "60"), (.milliseconds(1500), "1.500"), (.microseconds(1001), "0.002"),
            (.seconds(36_500 * 86_400), "3153600000"),
        ] as [(Duration, String)]
    )
    func `a time to live goes out in seconds`(ttl: Duration, text: String) async throws {
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            try await client.publish(group: "g", data: "x", ttl: ttl)
            try await client.publish(group: "g", data: "", ttl: ttl)
            #expect(server.requests.map(\.uri) == Array(repeating: "/groups/g/messages?ttl=\(text)", count: 2))
        }
    }

    @Test(arguments: [Duration.zero, .microseconds(999), .seconds(-1), .seconds(36_500 * 86_400 + 1)])
    func `what is no time to live`(ttl: Duration) async throws {
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            let error = try await Self.error { try await client.publish(group: "g", data: "x", ttl: ttl) }
            #expect(error.code == .invalidArgument)
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: ["", " a", "a ", "a\n", "a\u{7F}", String(repeating: "ä", count: 128)])
    func `what is no idempotency key`(key: String) async throws {
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            let error = try await Self.error { try await client.publish(group: "g", data: "x", idempotencyKey: key) }
            #expect(error.code == .invalidArgument)
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `what is not stored has no time to live, and no key`() async throws {
        try await Self.with(script: { try await $1.answer(.accepted, "{}") }) { client, server in
            for (ttl, key) in [(Duration.seconds(1), nil), (nil, "k")] {
                let error = try await Self.error {
                    try await client.publish(group: "g", data: "x", persist: false, ttl: ttl, idempotencyKey: key)
                }
                #expect(error.code == .invalidArgument)
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: [
        ("", "e"), ("a b", "e"), ("a\n", "e"), ("ä", "e"), (String(repeating: "a", count: 101), "e"), ("a/b", "e"),
        ("g", ""), ("g", "a\nb"), ("g", "a\u{0}"), ("g", "\r\n"), ("g", "stream-open"),
        ("g", String(repeating: "ä", count: 65)),
    ])
    func `what would be refused is not sent`(group: String, event: String) async throws {
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            let error = try await Self.error { try await client.publish(group: group, event: event, data: "x") }
            #expect(error.code == .invalidArgument)
            #expect(!error.message.contains("\n"))
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: [".", ".."])
    func `a group whose name is a step in a path is not sent`(group: String) async throws {
        try await Self.with(script: { try await $1.answer(.created, Self.published) }) { client, server in
            let error = try await Self.error { try await client.publish(group: group, data: "x") }
            #expect(error.code == .invalidArgument)
            #expect(server.requests.isEmpty)
        }
    }

    @Test func history() async throws {
        let body =
            #"{"messages":[{"id":"e-1","group":"g","event":"a","data":"x","created_at":"t"}],"has_more":true}"#
        try await Self.with(script: { try await $1.answer(.ok, body) }) { client, server in
            let page = try await client.history(group: "g", limit: 5, after: "e-0", before: "e-9")
            #expect(page.hasMore)
            #expect(page.messages == [ReceivedMessage(id: "e-1", group: "g", event: "a", data: "x", createdAt: "t")])
            _ = try await client.history(group: "g", since: StartPosition("2026-11-21T10:54:23+01:00"))
            _ = try await client.history(group: "g", since: .back(.seconds(90)))
            #expect(
                server.requests.map(\.uri) == [
                    "/groups/g/messages?after=e-0&before=e-9&limit=5",
                    "/groups/g/messages?since=2026-11-21T10%3A54%3A23%2B01%3A00",
                    "/groups/g/messages?since=90000ms",
                ]
            )
        }
    }

    @Test func groups() async throws {
        let group = #"{"group":"g","messages":2,"subscribers":3,"first_id":"e-1","last_id":null}"#
        let script: ScriptedServer.Script = { request, exchange in
            let isList = request.uri.hasPrefix("/groups?")
            try await exchange.answer(.ok, isList ? #"{"groups":[\#(group)],"has_more":false}"# : group)
        }
        try await Self.with(script: script) { client, server in
            let page = try await client.groups(prefix: "g", after: "a", limit: 10)
            #expect(page.groups == [try await client.group("g")])
            #expect(page.groups.first?.firstID == "e-1")
            #expect(page.groups.first?.lastID == nil)
            #expect(server.requests.map(\.uri) == ["/groups?prefix=g&after=a&limit=10", "/groups/g"])
        }
    }

    @Test(arguments: [
        (HTTPResponseStatus.badRequest, NotifyClientError.Code.refused), (.forbidden, .refused), (.conflict, .refused),
        (.payloadTooLarge, .refused), (.notImplemented, .refused), (.serviceUnavailable, .serverFailed),
        (.tooManyRequests, .serverFailed), (.badGateway, .serverFailed), (.found, .refused),
    ])
    func `a refusal carries the server's words`(status: HTTPResponseStatus, code: NotifyClientError.Code) async throws {
        let script: ScriptedServer.Script = { _, exchange in
            let problem = #"{"type":"about:blank","title":"No","status":1,"detail":"Do it\nso."}"#
            try await exchange.answer(status, type: "application/problem+json", problem)
        }
        try await Self.with(script: script) { client, _ in
            let error = try await Self.error { try await client.publish(group: "g", data: "x") }
            #expect(error.code == code)
            #expect(error.status == Int(status.code))
            if status != .found { #expect(error.message == "Do it so. (\(status.code))") }
        }
    }

    @Test func `no server`() async throws {
        try await withRefusingPort { url in
            let error = try await Self.withClient(url: url) { client in
                try await Self.error { try await client.publish(group: "g", data: "x") }
            }
            #expect(error.code == .unreachable)
            #expect(
                error.message == "No server answers at \(url): start one with 'notify-cli serve', or give its address "
                    + "with --url."
            )
        }
    }

    @Test func `no such host`() async throws {
        let error = try await Self.withClient(url: "http://no-such-host.invalid:8080/") { client in
            try await Self.error { try await client.publish(group: "g", data: "x") }
        }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("no-such-host.invalid"))
    }

    @Test func `another program's answer`() async throws {
        try await Self.with(script: { try await $1.answer(.ok, type: "text/html", "<html>") }) { client, _ in
            let error = try await Self.error { _ = try await client.groups() }
            #expect(error.code == .invalidResponse)
        }
    }

    @Test func `an answer that does not come`() async throws {
        var configuration = NotifyClient.Configuration()
        configuration.requestTimeout = .milliseconds(50)
        try await Self.with(configuration: configuration, script: { try await $1.closed() }) { client, _ in
            let error = try await Self.error { _ = try await client.groups() }
            #expect(error.code == .timedOut)
        }
    }

    @Test func `a client that was shut down`() async throws {
        let client = try NotifyClient(url: "http://127.0.0.1:1")
        try await client.shutdown()
        try await client.shutdown()
        let error = try await Self.error { _ = try await client.groups() }
        #expect(error.code == .closed)
    }

    @Test(arguments: [
        "", "localhost:8080", "ftp://a", "http://", "http:///x", "http://a?b", "http://a b", "/x", "unix:",
    ])
    func `what is no address`(url: String) {
        #expect(throws: NotifyClientError.self) { try NotifyClient(url: url) }
    }

    @Test func `an address below a path`() throws {
        let server = try ServerAddress("https://example.org/notify/")
        #expect(server.url(path: ["groups", "g"]) == "https://example.org/notify/groups/g")
    }

    @Test func `a socket of this machine is an address`() throws {
        let server = try ServerAddress("unix:/run/a b.sock")
        #expect(server.url(path: ["groups", "g"]) == "http+unix://%2Frun%2Fa%20b.sock/groups/g")
        #expect("\(server)" == "unix:/run/a b.sock")
    }

    @Test(arguments: ["latest", "all", "k7f2q9-1042", "10m", "500ms", "2026-11-21T10:54:23.125Z"])
    func `where to begin`(text: String) throws {
        #expect(try StartPosition(text).query.first?.value == text)
    }

    @Test(arguments: ["", "ALL", "10", "10 m", "-5m", "yesterday", "2026-11-21", "A-1", "latest\n"])
    func `where one cannot begin`(text: String) {
        #expect(throws: NotifyClientError.self) { try StartPosition(text) }
    }
}
