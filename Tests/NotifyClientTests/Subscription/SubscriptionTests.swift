import NIOHTTP1
import NotifyClient
import ScriptedServer
import Synchronization
import Testing

/// A limit on the time, as a fault here shows as a wait for a message that never comes.
@Suite(.timeLimit(.minutes(2)))
struct SubscriptionTests {
    final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }

        func increment() { count.withLock { $0 += 1 } }
    }

    static func with<Result>(
        configuration: NotifyClient.Configuration = .init(),
        script: @escaping ScriptedServer.Script,
        _ body: (NotifyClient, ScriptedServer) async throws -> Result
    ) async throws -> Result {
        try await NotifyClientTests.with(configuration: configuration, script: script, body)
    }

    /// The first so many ids.
    static func ids(
        _ count: Int,
        of subscription: Subscription,
        noting journal: Journal? = nil
    ) async throws -> [String?] {
        var ids: [String?] = []
        for try await message in subscription {
            ids.append(message.id)
            journal?.note(message.id ?? "no id")
            if ids.count == count { break }
        }
        return ids
    }

    @Test func `one group, with an envelope`() async throws {
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            try await exchange.message(1, data: #"a\nb\u0000"#)
            try await exchange.closed()
        }
        try await Self.with(script: script) { client, server in
            var iterator = try client.subscribe(groups: ["g"], since: .all).makeAsyncIterator()
            let message = try #require(try await iterator.next())
            #expect(message.id == "e-1")
            #expect(message.group == "g")
            #expect(message.data == "a\nb\u{0}")
            #expect(message.createdAt == "2026-11-21T10:54:23.125Z")
            let request = try #require(server.requests.first)
            #expect(request.uri == "/groups/g/events?since=all&envelope=json")
            #expect(request.headers["accept"] == ["text/event-stream"])
            #expect(request.headers["last-event-id"].isEmpty)
        }
    }

    @Test func `several groups`() async throws {
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            try await exchange.message(1)
        }
        try await Self.with(script: script) { client, server in
            let ids = try await Self.ids(1, of: client.subscribe(groups: ["a", "b"], since: .last(3)))
            #expect(ids == ["e-1"])
            #expect(server.requests.first?.uri == "/events?group=a&group=b&last=3&envelope=json")
        }
    }

    @Test func `an event cut off by the end of a connection is asked for again`() async throws {
        let journal = Journal()
        let script: ScriptedServer.Script = { request, exchange in
            switch request.number {
            case 0:
                try await exchange.open(at: "e-0")
                try await exchange.message(1)
                await journal.wait(for: "e-1")
                try await exchange.write(String(Exchange.message(2).dropLast(3)))
                try await exchange.close()
            case 1:
                try await exchange.open(at: "e-1", resumed: true)
                try await exchange.message(2)
                try await exchange.write(String(Exchange.message(3).dropLast(1)))
                try await exchange.end()
            default:
                try await exchange.open(at: "e-2", resumed: true)
                for sequence in 1...4 { try await exchange.message(sequence) }
                try await exchange.closed()
            }
        }
        try await Self.with(script: script) { client, server in
            let subscription = try client.subscribe(groups: ["g"], since: .all) { journal.note($0) }
            let ids = try await Self.ids(4, of: subscription, noting: journal)
            #expect(ids == ["e-1", "e-2", "e-3", "e-4"])
            #expect(server.requests.map { $0.headers["last-event-id"] } == [[], ["e-1"], ["e-2"]])
            #expect(server.requests.last?.uri == "/groups/g/events?envelope=json")
            #expect(
                journal.all == [
                    "connected", "e-1", "disconnected", "resumed", "e-2", "disconnected", "resumed", "e-3", "e-4",
                ]
            )
        }
    }

    @Test func `a connection that breaks before the first message resumes from stream-open`() async throws {
        let journal = Journal()
        let script: ScriptedServer.Script = { request, exchange in
            try await exchange.open(at: "e-41")
            if request.number == 0 {
                await journal.wait(for: "connected")
                return try await exchange.close()
            }
            try await exchange.message(42)
        }
        try await Self.with(script: script) { client, server in
            let ids = try await Self.ids(1, of: client.subscribe(groups: ["g"]) { journal.note($0) })
            #expect(ids == ["e-42"])
            #expect(server.requests.map { $0.headers["last-event-id"] } == [[], ["e-41"]])
        }
    }

    @Test func `a server that restarts is found again`() async throws {
        let journal = Journal()
        let script: ScriptedServer.Script = { request, exchange in
            try await exchange.open(at: "e-0")
            try await exchange.message(1)
            try await exchange.closed()
        }
        var configuration = NotifyClient.Configuration()
        configuration.reconnect.cap = .milliseconds(5)
        let first = try await ScriptedServer.start(script: script)
        try await NotifyClientTests.withClient(url: first.url, configuration: configuration) { client in
            var iterator = try client.subscribe(groups: ["g"]) { journal.note($0) }.makeAsyncIterator()
            #expect(try await iterator.next()?.id == "e-1")
            let port = first.port
            await first.stop()
            let second = try await ScriptedServer.start(port: port) { request, exchange in
                try await exchange.open(at: "e-1", resumed: true)
                try await exchange.message(2)
                try await exchange.closed()
            }
            #expect(try await iterator.next()?.id == "e-2")
            #expect(second.requests.first?.headers["last-event-id"] == ["e-1"])
            #expect(journal.all.first == "connected")
            #expect(journal.all.last == "resumed")
            try await client.shutdown()
            await second.stop()
        }
    }

    @Test func `a reset is reported, in order, and the stream goes on from it`() async throws {
        let journal = Journal()
        let reset = #"{"reason":"unknown-epoch","requested":"e-1","oldest":"f-3"}"#
        let script: ScriptedServer.Script = { request, exchange in
            switch request.number {
            case 0:
                try await exchange.open(at: "e-0")
                try await exchange.message(1)
                await journal.wait(for: "e-1")
                try await exchange.close()
            case 1:
                try await exchange.open(at: "f-5")
                try await exchange.write("event: stream-reset\nid: f-5\ndata: \(reset)\n\n")
                await journal.wait(for: "reset unknown-epoch")
                try await exchange.close()
            default:
                try await exchange.open(at: "f-5", resumed: true)
                try await exchange.message(6, epoch: "f")
            }
        }
        try await Self.with(script: script) { client, server in
            var seen = 0
            for try await message in try client.subscribe(groups: ["g"], onStatus: { journal.note($0) }) {
                journal.note(message.id ?? "")
                seen += 1
                if seen == 2 { break }
            }
            #expect(
                journal.all == [
                    "connected", "e-1", "disconnected", "resumed", "reset unknown-epoch", "disconnected", "resumed",
                    "f-6",
                ]
            )
            #expect(server.requests.last?.headers["last-event-id"] == ["f-5"])
        }
    }

    @Test(arguments: [HTTPResponseStatus.badRequest, .forbidden, .notFound, .notImplemented])
    func `a refusal ends it with the server's words`(status: HTTPResponseStatus) async throws {
        let script: ScriptedServer.Script = { request, exchange in
            if request.number == 0 {
                try await exchange.open(at: "e-0")
                return try await exchange.end()
            }
            try await exchange.answer(status, type: "application/problem+json", #"{"detail":"Not you."}"#)
        }
        try await Self.with(script: script) { client, server in
            var iterator = try client.subscribe(groups: ["g"]).makeAsyncIterator()
            let error = try await NotifyClientTests.error { _ = try await iterator.next() }
            #expect(error.code == .refused)
            #expect(error.message == "Not you. (\(status.code))")
            #expect(try await iterator.next() == nil)
            #expect(server.requests.count == 2)
        }
    }

    @Test func `over a limit the server says when to come back`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            if request.number < 3 {
                try await exchange.head()
                try await exchange.write("retry: 2\n\n")
                return try await exchange.end()
            }
            try await exchange.open(at: "e-0")
            try await exchange.message(1)
        }
        try await Self.with(script: script) { client, server in
            let ids = try await Self.ids(1, of: client.subscribe(groups: ["g"], since: .all))
            #expect(ids == ["e-1"])
            #expect(server.requests.allSatisfy { $0.uri.contains("since=all") })
        }
    }

    @Test func `a proxy's 503 is waited out`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            if request.number == 1 { return try await exchange.answer(.serviceUnavailable, type: "text/html", "down") }
            try await exchange.open(at: "e-0")
            if request.number == 0 { return try await exchange.end() }
            try await exchange.message(1)
        }
        try await Self.with(script: script) { client, _ in
            let ids = try await Self.ids(1, of: client.subscribe(groups: ["g"]))
            #expect(ids == ["e-1"])
        }
    }

    /// The heartbeats last longer than the silence that is borne: without them the message would never come.
    @Test func `a silent connection is given up, heartbeats keep it`() async throws {
        let script: ScriptedServer.Script = { request, exchange in
            try await exchange.open(at: "e-0")
            if request.number == 0 { return try await exchange.closed() }
            for _ in 0..<40 {
                try await exchange.write(":\n\n")
                try await Task.sleep(for: .milliseconds(25))
            }
            try await exchange.message(1)
        }
        var configuration = NotifyClient.Configuration()
        configuration.silenceLimit = .milliseconds(500)
        try await Self.with(configuration: configuration, script: script) { client, server in
            let ids = try await Self.ids(1, of: client.subscribe(groups: ["g"]))
            #expect(ids == ["e-1"])
            #expect(server.requests.count >= 2)
        }
    }

    @Test func `an event over the limit ends it`() async throws {
        var configuration = NotifyClient.Configuration()
        configuration.maximumEventSize = 1000
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            try await exchange.message(1, data: String(repeating: "x", count: 2000))
        }
        try await Self.with(configuration: configuration, script: script) { client, _ in
            var iterator = try client.subscribe(groups: ["g"]).makeAsyncIterator()
            let error = try await NotifyClientTests.error { _ = try await iterator.next() }
            #expect(error.code == .eventTooLarge)
        }
    }

    @Test func `a page that is no stream`() async throws {
        try await Self.with(script: { try await $1.answer(.ok, type: "text/html", "<html>") }) { client, _ in
            var iterator = try client.subscribe(groups: ["g"]).makeAsyncIterator()
            let error = try await NotifyClientTests.error { _ = try await iterator.next() }
            #expect(error.code == .invalidResponse)
        }
    }

    @Test func `no group`() async throws {
        try await NotifyClientTests.withClient(url: "http://127.0.0.1:1") { client in
            let error = #expect(throws: NotifyClientError.self) { try client.subscribe(groups: []) }
            #expect(error?.code == .invalidArgument)
        }
    }
}
