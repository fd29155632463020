import Broker
import Foundation
import Synchronization
import Testing

@testable import Gateway

/// Long polls.
@Suite(.timeLimit(.minutes(1)))
struct LongPollTests {
    struct PollBody: Decodable {
        struct Reset: Decodable, Equatable {
            let reason: String
            let requested: String
            let oldest: String?
        }

        let messages: [MessageBody]
        let has_more: Bool
        let position: String
        let reset: Reset?

        var data: [String] { messages.map(\.data) }
    }

    private static let path = "/groups/test-group/messages"

    private static func poll(_ server: TestServer, _ query: String) async throws -> PollBody {
        let response = try await server.get("\(path)?\(query)")
        #expect(response.status == 200 && response["content-type"] == "application/json", "\(response.text)")
        return try response.json(PollBody.self)
    }

    private static func waiting(_ server: TestServer, _ count: Int = 1) async throws {
        let counters = server.gateway.counters
        try await eventually { counters.polls.value == count && counters.liveStreams.value >= count }
    }

    @Test func `what is there comes at once`() async throws {
        try await TestServer.run { server in
            try await server.publish("1", "2", "3")
            try await server.publish("x", to: "other")
            let all = try await Self.poll(server, "since=all&wait=60s")
            #expect(all.data == ["1", "2", "3"] && !all.has_more && all.position == server.id(4))
            let rest = try await Self.poll(server, "after=\(server.id(2))&wait=60s")
            #expect(rest.data == ["3"] && rest.position == server.id(4))
            let part = try await Self.poll(server, "after=\(server.id(0))&wait=60s&limit=2")
            #expect(part.data == ["1", "2"] && part.has_more && part.position == server.id(2))
            let exact = try await Self.poll(server, "after=\(server.id(0))&wait=60s&limit=3")
            #expect(exact.data == ["1", "2", "3"] && !exact.has_more && exact.position == server.id(4))
            let back = try await Self.poll(server, "since=1h&wait=60s&limit=1")
            #expect(back.data == ["1"] && back.has_more)
            #expect(back.messages.first?.id == server.id(1) && back.messages.first?.group == "test-group")
        }
    }

    @Test func `nothing comes: an empty list after the wait, from which to go on`() async throws {
        try await TestServer.run { server in
            try await server.publish("1")
            try await server.publish("x", to: "other")
            for query in [
                "wait=50ms", "w%61it=50ms", "wait=0s", "since=latest&wait=1ms", "after=\(server.id(1))&wait=50ms",
            ] {
                let none = try await Self.poll(server, query)
                #expect(none.messages.isEmpty && !none.has_more && none.reset == nil)
                #expect(none.position == server.id(2))
            }
            #expect(server.gateway.counters.streams.value == 0 && server.gateway.counters.polls.value == 0)
        }
    }

    @Test func `a message wakes those who wait, and their connections go on`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            let request = { (query: String) in TestServer.bytes("GET", "\(Self.path)?\(query)") }
            await connection.send(request("wait=60s"))
            try await Self.waiting(server)
            #expect(try await server.get("/groups/test-group").json(GroupBody.self).subscribers == 0)
            try server.log.publishUnstored(MessageDraft(group: GroupName("test-group"), text: "not stored"))
            try await server.publish("1")
            let first = try await connection.response()
            #expect(!first.closes)
            let body = try first.json(PollBody.self)
            #expect(body.data == ["1"] && !body.has_more && body.position == server.id(1))
            await connection.send(request("after=\(body.position)&wait=60s"))
            try await Self.waiting(server)
            try await server.publish("2")
            #expect(try await connection.response().json(PollBody.self).data == ["2"])
            // Two at once: the second has its turn.
            await connection.send(request("after=\(server.id(2))&wait=60s") + request("after=\(server.id(0))&wait=60s"))
            try await Self.waiting(server)
            try await server.publish("3")
            #expect(try await connection.response().json(PollBody.self).data == ["3"])
            #expect(try await connection.response().json(PollBody.self).data == ["1", "2", "3"])
            await connection.send(TestServer.bytes("GET", "/healthz"))
            #expect(try await connection.response().status == 200)
        }
    }

    @Test func `several groups and patterns, with a wait and without`() async throws {
        try await TestServer.run { server in
            for (number, group) in ["a.1", "b", "c", "a.2", "b"].enumerated() {
                try await server.publish("\(number)", to: group)
            }
            func data(_ query: String) async throws -> [String] {
                try await server.get("/messages?\(query)").json(HistoryBody.self).data
            }
            #expect(try await data("group=b&match=a.*") == ["0", "1", "3", "4"])
            #expect(try await data("group=b&match=a.*&limit=2") == ["3", "4"])
            #expect(try await data("group=b&match=a.*&before=\(server.id(4))") == ["0", "1"])
            #expect(try await data("group=b&group=c&after=\(server.id(2))") == ["2", "4"])
            #expect(try await data("group=b&match=a.*&since=all&limit=3") == ["0", "1", "3"])
            #expect(try await data("match=a.*&after=\(server.id(1))&wait=60s") == ["3"])
            try expectProblem(try await server.get("/messages?group=b&after=other-1"), 409)
            let connection = try await server.connect()
            await connection.send(TestServer.bytes("GET", "/messages?match=new*&wait=60s"))
            try await Self.waiting(server)
            try await server.publish("first", to: "new.group")
            #expect(try await connection.response().json(PollBody.self).data == ["first"])
        }
    }

    @Test(arguments: [
        ("wait=61s", "60s"), ("wait=1", "60s"), ("wait=", "60s"), ("wait=1s&before=EPOCH-1", "before"),
        ("wait=1s&after=x", "message id"), ("wait=1s&after=EPOCH-1&since=all", "one of"), ("wait=1s&since=x", "10m"),
        ("wait=1s&limit=0", "1000"), ("wait=1s&wait=1s", "twice"), ("wait=1s&last=1", "parameter"),
    ])
    func `what makes no sense is 400`(query: String, words: String) async throws {
        try await TestServer.run { server in
            let query = query.replacing("EPOCH", with: server.epoch)
            try expectProblem(try await server.get("\(Self.path)?\(query)"), 400, words)
        }
    }

    @Test func `an id that cannot be kept is told`() async throws {
        try await TestServer.run { server in
            try await server.publish("1", "2", "3", "4")
            let other = try await Self.poll(server, "after=other-1&wait=60s")
            #expect(other.messages.isEmpty && other.position == server.id(4))
            #expect(other.reset == .init(reason: "unknown-epoch", requested: "other-1", oldest: nil))
            let future = try await Self.poll(server, "since=\(server.id(9))&wait=60s")
            #expect(future.messages.isEmpty && future.position == server.id(4) && future.reset?.reason == "future")
            try await server.log.purge(GroupName("test-group"), through: 2)
            let gap = try await Self.poll(server, "after=\(server.id(1))&wait=60s")
            #expect(gap.data == ["3", "4"] && gap.position == server.id(4))
            #expect(gap.reset == .init(reason: "expired", requested: server.id(1), oldest: server.id(3)))
            try await server.log.purge(GroupName("test-group"))
            let all = try await Self.poll(server, "after=\(server.id(1))&wait=60s")
            #expect(all.messages.isEmpty && all.reset?.reason == "expired" && all.position == server.id(4))
            // Without a wait it is as before.
            try expectProblem(try await server.get("\(Self.path)?after=other-1"), 409)
        }
    }

    @Test(arguments: [1, 64 << 20])
    func `who polls in a loop sees each message once`(recentBytes: Int) async throws {
        try await TestServer.run({ $0.recentMessageBytes = recentBytes }) { server in
            let isOver = StreamBox(false)
            let polled = try await withThrowingTaskGroup(of: [String].self) { tasks in
                for reader in 0..<6 {
                    tasks.addTask {
                        let connection = try await server.connect()
                        var (position, seen) = (server.id(0), [String]())
                        let topics = reader % 2 == 0 ? "match=g*" : "group=g.0&group=g.1&group=g.2"
                        while seen.last != "end" {
                            let path = "/messages?\(topics)&after=\(position)&wait=20s&limit=\(reader + 2)"
                            await connection.send(TestServer.bytes("GET", path))
                            let answer = try await connection.response().json(PollBody.self)
                            #expect(answer.reset == nil)
                            seen += answer.data
                            position = answer.position
                        }
                        return seen
                    }
                }
                for number in 0..<300 {
                    try await server.publish("\(number)", to: ["g.0", "h", "g.1", "g.2"][number % 4])
                }
                try await server.publish("end", to: "g.1")
                isOver.withLock { $0 = true }
                var all: [[String]] = []
                for try await seen in tasks { all.append(seen) }
                return all
            }
            let expected = (0..<300).filter { $0 % 4 != 1 }.map { "\($0)" } + ["end"]
            for seen in polled { #expect(seen == expected) }
        }
    }

    @Test func `a poll that is cut off as its message comes leaves it to the next`() async throws {
        try await TestServer.run { server in
            let counters = server.gateway.counters
            for round in 0..<40 {
                let position = server.log.frontier
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", "\(Self.path)?after=\(position)&wait=60s"))
                if round % 2 == 0 { try await Self.waiting(server) }
                async let published = server.publish("\(round)")
                await connection.close()
                _ = try await published
                let next = try await Self.poll(server, "after=\(position)&wait=60s")
                #expect(next.data == ["\(round)"])
            }
            try await eventually { counters.streams.value == 0 && counters.polls.value == 0 }
            #expect(counters.liveStreams.value == 0)
        }
    }

    @Test func `on shutdown all who wait are answered at once`() async throws {
        try await TestServer.run({ $0.grace = .seconds(20) }) { server in
            try await server.publish("1")
            var connections: [RawConnection] = []
            for _ in 0..<20 {
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", "\(Self.path)?wait=60s"))
                connections.append(connection)
            }
            try await Self.waiting(server, 20)
            await server.gateway.stop()
            for connection in connections {
                let response = try await connection.response()
                let body = try response.json(PollBody.self)
                #expect(body.messages.isEmpty && body.position == server.id(1) && response.closes)
            }
        }
    }

    @Test func `a client that closes its side is answered at once`() async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(TestServer.bytes("GET", "\(Self.path)?wait=60s"))
            try await Self.waiting(server)
            try await connection.finishSending()
            #expect(try await connection.response().json(PollBody.self).messages.isEmpty)
            #expect(try await connection.end().isEmpty)
        }
    }

    @Test func `many that wait share one answer, and are streams to the limits`() async throws {
        try await AccessTableTests.run({ $0.maximumStreamsPerUser = 3 }) { server, _ async throws in
            let token = ["Authorization: Bearer \(TokenMaker.token(#"{"sub":"u","notify":{"subscribe":["*"]}}"#))"]
            var connections: [RawConnection] = []
            for _ in 0..<3 {
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", "\(Self.path)?wait=60s", token))
                connections.append(connection)
            }
            try await Self.waiting(server, 3)
            let refused = try await server.get("\(Self.path)?wait=60s", token)
            try expectProblem(refused, 429, "--max-streams-per-user")
            #expect(refused["retry-after"] != nil)
            let message = try #require(try await server.publish("x").first)
            for connection in connections {
                #expect(try await connection.response().json(PollBody.self).data == ["x"])
            }
            #expect(message.forms.made == 1)
            #expect(try await server.get("\(Self.path)?wait=0s", token).status == 200)
        }
    }

    /// The second poll joins while the loop hands the message to the first.
    @Test func `a poll that waits behind another does not disturb the delivery that answers it`() async throws {
        try await TestServer.run({ $0.eventLoops = 1 }) { server in
            let before = try await server.stream()
            #expect(try await before.event()?.type == "stream-open")
            let connection = try await server.connect()
            let one = TestServer.bytes("GET", "\(Self.path)?wait=60s")
            await connection.send(one + one + one)
            try await Self.waiting(server)
            let after = try await server.stream("/groups/test-group/events?since=all")
            #expect(try await after.event()?.type == "stream-open")
            for number in 1...3 {
                // Two groups in one batch: there is more to hand over than what answers the poll.
                let drafts = try ["test-group", "other", "test-group"].enumerated().map { index, group in
                    try MessageDraft(group: GroupName(group), text: "\(number).\(index)")
                }
                try await server.log.publish(contentsOf: drafts)
                let answer = try await connection.response().json(PollBody.self)
                #expect(answer.data == ["\(number).0", "\(number).2"] && !answer.has_more)
                if number < 3 { try await Self.waiting(server) }
            }
            try await server.publish("end")
            for stream in [before, after] {
                var data: [String] = []
                while data.last != "end" { data.append(try #require(try await stream.event()).data) }
                #expect(data == ["1.0", "1.2", "2.0", "2.2", "3.0", "3.2", "end"])
            }
        }
    }

    @Test func `what is in hand is not held back for what lies far`() async throws {
        try await TestServer.run { server in
            try await server.publish("near", to: "rare.1")
            for _ in 0..<50 {
                let drafts = try (0..<1000).map { _ in try MessageDraft(group: GroupName("test-group"), text: "x") }
                try await server.log.publish(contentsOf: drafts)
            }
            try await server.publish("far", to: "rare.2")
            let first = try await server.get("/messages?match=rare.*&since=all&wait=60s").json(PollBody.self)
            #expect(first.data == ["near"] && !first.has_more)
            let position = try #require(Int64(first.position.split(separator: "-")[1]))
            #expect(position > 1 && position < 50_001, "it was read to the end: \(position)")
            let second = try await server.get("/messages?match=rare.*&after=\(first.position)&wait=60s").json(
                PollBody.self
            )
            #expect(second.data == ["far"] && second.position == server.id(50_002))
        }
    }

    @Test func `one answer that many get takes room once`() async throws {
        try await TestServer.run({ $0.maximumAnswerBytes = 2 << 20 }) { server in
            var connections: [RawConnection] = []
            for _ in 0..<20 {
                let connection = try await server.connect()
                await connection.send(TestServer.bytes("GET", "\(Self.path)?wait=60s"))
                connections.append(connection)
            }
            try await Self.waiting(server, 20)
            try await server.publish(String(repeating: "x", count: 900_000))
            for connection in connections { #expect(try await connection.response().status == 200) }
        }
    }

    @Test func `a token that ends answers the poll`() async throws {
        try await AccessTableTests.run { server, _ async throws in
            let token = ["Authorization: Bearer \(TokenMaker.token(subscribe: ["*"], expires: 2))"]
            let response = try await server.get("\(Self.path)?wait=60s", token)
            #expect(response.status == 200)
            #expect(try response.json(PollBody.self).messages.isEmpty)
            #expect(try await server.get("\(Self.path)?wait=60s", token).status == 401)
        }
    }

    @Test func `HEAD waits for nothing`() async throws {
        try await TestServer.run { server in
            let response = try await server.request("HEAD", "\(Self.path)?wait=60s")
            #expect(response.status == 200 && response["content-type"] == "application/json")
        }
    }
}
