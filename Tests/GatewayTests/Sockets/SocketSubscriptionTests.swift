import Broker
import Testing

@testable import Gateway

/// Subscriptions of a WebSocket: how they begin and end, and what is refused.
@Suite(.timeLimit(.minutes(1)))
struct SocketSubscriptionTests {
    @Test func `a subscription is answered, then its messages come`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            let answer = try await socket.ask(#"{"subscribe":{"name":"s1","groups":["b","a"]},"ref":7}"#)
            #expect(answer == .init(subscribed: "s1", position: server.id(0), resumed: false))
            try await server.publish("one", to: "a", event: "greeting")
            let text = try await socket.text()
            #expect(
                text.hasPrefix(
                    "{\"id\":\"\(server.id(1))\",\"group\":\"a\",\"event\":\"greeting\",\"data\":\"one\",\"created_at\":\""
                )
            )
            #expect(text.hasSuffix("Z\"}"))
            try server.log.publishUnstored(MessageDraft(group: GroupName("b"), text: "passing"))
            #expect(try await socket.text().hasPrefix(#"{"id":null,"group":"b","event":"message","data":"passing","#))
        }
    }

    @Test func `what was asked with a ref is answered with it, as it was written`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            for ref in ["1", "-1.50e3", "\"x\"", "\"ü\\\"\"", "\"\(String(repeating: "r", count: 64))\""] {
                await socket.send("{\"ref\":\(ref),\"ping\":7}")
                #expect(try await socket.text() == "{\"pong\":7,\"ref\":\(ref)}")
                await socket.send("{\"unsubscribe\":\"none\",\"ref\":\(ref)}")
                #expect(try await socket.text().hasSuffix(",\"subscription\":\"none\",\"ref\":\(ref)}"))
                // What is wrong may stand before it.
                await socket.send("{\"nonsense\":[1,{}],\"ref\":\(ref)}")
                #expect(try await socket.text().hasSuffix("},\"ref\":\(ref)}"))
            }
            await socket.send(#"{"ping":"text"}"#)
            #expect(try await socket.text() == #"{"pong":"text"}"#)
            for bad in ["null", "{}", "true", "\"\(String(repeating: "r", count: 65))\""] {
                #expect(try await socket.ask("{\"ping\":7,\"ref\":\(bad)}").error?.status == 400)
            }
        }
    }

    @Test(
        arguments: [
            ("", 400), ("[]", 400), ("{", 400), ("{}", 400), ("null", 400), (#"{"ref":1}"#, 400),
            (#"{"ping":7}x"#, 400),
            (#"{"ping":7,"ping":8}"#, 400), (#"{"ping":7,"unsubscribe":"x"}"#, 400), (#"{"hello":1}"#, 400),
            (#"{"subscribe":{}}"#, 400), (#"{"subscribe":[]}"#, 400), (#"{"subscribe":{"name":"x"}}"#, 400),
            (#"{"subscribe":{"groups":["a"]}}"#, 400), (#"{"subscribe":{"name":"","groups":["a"]}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":[]}}"#, 400), (#"{"subscribe":{"name":"x","groups":["a b"]}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":"a"}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"since":1}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"since":"x"}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"last":"1"}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"last":-1}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"presence":1}}"#, 400),
            (#"{"subscribe":{"name":"x","match":["a*"],"presence":true}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"other":1}}"#, 400),
            (#"{"subscribe":{"name":"x","name":"y","groups":["a"]}}"#, 400),
            (#"{"subscribe":{"name":"x","groups":["a"],"match":["[b"]}}"#, 400), (#"{"unsubscribe":"x"}"#, 404),
            (#"{"unsubscribe":1}"#, 400), (#"{"ping":null}"#, 400),
        ]
    )
    func `what is wrong is refused, and the socket stays`(frame: String, status: Int) async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            let answer = try await socket.ask(frame)
            #expect(answer.error?.status == status, "\(answer)")
            #expect(!(answer.error?.title.isEmpty ?? true))
            #expect(answer.error?.detail.count ?? 0 > 15)
            await socket.send(#"{"ping":1}"#)
            #expect(try await socket.text() == #"{"pong":1}"#)
            #expect(server.gateway.counters.refusedSocketRequests.value == 1)
        }
    }

    @Test func `names and groups belong to one subscription at a time`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"subscribe":{"name":"s1","groups":["a","b"]}}"#).subscribed == "s1")
            let taken = try await socket.ask(#"{"subscribe":{"name":"s1","groups":["c"]}}"#)
            #expect(taken.error?.status == 409 && taken.subscription == "s1")
            let overlap = try await socket.ask(#"{"subscribe":{"name":"s2","groups":["c","b"]}}"#)
            #expect(overlap.error?.status == 409 && overlap.subscription == "s2")
            #expect(overlap.error?.detail.contains("'b'") == true)
            #expect(try await socket.ask(#"{"subscribe":{"name":"s2","groups":["c"]}}"#).subscribed == "s2")
            #expect(try await socket.ask(#"{"unsubscribe":"s1"}"#).unsubscribed == "s1")
            #expect(try await socket.ask(#"{"subscribe":{"name":"s1","groups":["b"]}}"#).subscribed == "s1")
            // Another socket may follow the same.
            let other = try await server.socket()
            #expect(try await other.ask(#"{"subscribe":{"name":"s1","groups":["b"]}}"#).subscribed == "s1")
        }
    }

    @Test func `there are so many subscriptions on a socket, and so many groups in one`() async throws {
        try await TestServer.run({
            $0.maximumSubscriptionsPerSocket = 3
            $0.maximumGroupsPerStream = 4
        }) { server async throws in
            let socket = try await server.socket()
            for number in 0..<3 {
                let answer = try await socket.ask(
                    "{\"subscribe\":{\"name\":\"s\(number)\",\"groups\":[\"g\(number)\"]}}"
                )
                #expect(answer.subscribed == "s\(number)")
            }
            let refused = try await socket.ask(#"{"subscribe":{"name":"s3","groups":["g3"]}}"#)
            #expect(
                refused.error?.status == 400
                    && refused.error?.detail.contains("--max-subscriptions-per-socket 3") != nil
            )
            #expect(try await socket.ask(#"{"unsubscribe":"s0"}"#).unsubscribed == "s0")
            let many = try await socket.ask(#"{"subscribe":{"name":"s3","groups":["1","2","3","4","5"]}}"#)
            #expect(many.error?.status == 400)
            #expect(
                try await socket.ask(#"{"subscribe":{"name":"s3","groups":["1","2","3","4","4"]}}"#).subscribed == "s3"
            )
        }
    }

    @Test func `a subscription begins where it asks to`() async throws {
        try await TestServer.run { server async throws in
            try await server.publish("1", "2", "3", to: "a")
            let socket = try await server.socket()
            func ask(_ start: String) async throws -> SocketClient.Reply {
                try await socket.ask("{\"subscribe\":{\"name\":\"s\",\"groups\":[\"a\"],\(start)}}")
            }
            for (start, position, texts) in [
                (#""since":"all""#, 0, ["1", "2", "3"]), (#""last":2"#, 1, ["2", "3"]),
                (#""since":"latest""#, 3, []), (#""since":null"#, 3, []), (#""since":"1h""#, 0, ["1", "2", "3"]),
                ("\"since\":\"all\",\"last_event_id\":\"\(server.id(2))\"", 2, ["3"]),
                ("\"since\":\"\(server.id(1))\"", 1, ["2", "3"]),
            ] {
                let answer = try await ask(start)
                #expect(answer.position == server.id(position), "\(start)")
                #expect(answer.resumed == start.contains(server.epoch))
                for text in texts { #expect(try await socket.json().data == text) }
                #expect(try await socket.ask(#"{"unsubscribe":"s"}"#).unsubscribed == "s")
            }
            for (id, reason) in [("x", "malformed"), ("zzz-1", "unknown-epoch"), (server.id(9), "future")] {
                let answer = try await ask("\"last_event_id\":\"\(id)\"")
                #expect(answer.position == server.id(3) && answer.resumed == false)
                let reset = try await socket.json()
                #expect(reset.reset == .init(subscription: "s", reason: reason, requested: id, oldest: nil))
                #expect(reset.position == server.id(3))
                #expect(try await socket.ask(#"{"unsubscribe":"s"}"#).unsubscribed == "s")
            }
        }
    }

    @Test func `the address of a stream opens a socket with one subscription`() async throws {
        try await TestServer.run { server async throws in
            try await server.publish("1", "2", to: "a")
            for path in [
                "/groups/a/events?since=all", "/events?group=a&group=b&last=9",
                "/groups/a/events?since=all&envelope=json",
            ] {
                let socket = try await server.socket(path)
                #expect(try await socket.json() == .init(subscribed: "", position: server.id(0), resumed: false))
                #expect(try await socket.json().data == "1")
                #expect(try await socket.json().data == "2")
                // It is a socket like any other.
                #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["a"]}}"#).error?.status == 409)
                #expect(try await socket.ask(#"{"unsubscribe":""}"#).unsubscribed == "")
                #expect(try await socket.ask(#"{"subscribe":{"name":"x","groups":["a"]}}"#).subscribed == "x")
            }
            let resumed = try await server.socket("/groups/a/events", ["Last-Event-ID: \(server.id(1))"])
            #expect(try await resumed.json() == .init(subscribed: "", position: server.id(1), resumed: true))
            #expect(try await resumed.json().data == "2")
        }
    }

    @Test(arguments: [1, 64 << 20])
    func `nothing of a subscription follows its end, and what goes on loses nothing`(recentBytes: Int) async throws {
        try await TestServer.run({ $0.recentMessageBytes = recentBytes }) { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"subscribe":{"name":"keeps","groups":["a"]}}"#).subscribed == "keeps")
            let (isEnough, read) = (StreamBox(false), StreamBox(0))
            async let publishing = Self.publish(server, until: isEnough, read)
            var (kept, seen, open) = ([String](), [Int64](), false)
            var (rounds, isAsked, isOver) = (0, false, false)
            while !isOver {
                // The first page of a replay follows its answer, and would lose a race against the end each time.
                if !isAsked, !open || !seen.isEmpty {
                    let start = seen.last.map { "\"last_event_id\":\"\(server.id(Int($0)))\"" } ?? "\"since\":\"all\""
                    await socket.send(
                        open
                            ? #"{"unsubscribe":"goes"}"#
                            : "{\"subscribe\":{\"name\":\"goes\",\"groups\":[\"b\"],\(start)}}"
                    )
                    isAsked = true
                }
                let reply = try await socket.json()
                if let group = reply.group {
                    if group == "a" {
                        kept.append(reply.data ?? "")
                        read.withLock { $0 = kept.count }
                        isOver = reply.data == "end"
                    } else {
                        #expect(open, "a message of a subscription that has ended")
                        seen.append(reply.sequence ?? 0)
                    }
                } else {
                    #expect(reply.error == nil)
                    open = reply.subscribed != nil
                    rounds += 1
                    if rounds >= 30, seen.count > 5 { isEnough.withLock { $0 = true } }
                    isAsked = false
                }
            }
            let published = try await publishing
            #expect(kept == published.filter { $0.group?.description == "a" }.map(\.text))
            let expected = StreamServer.expected(published, of: ["b"], after: 0)
            #expect(seen == Array(expected.prefix(seen.count)))
            #expect(seen.count > 5)
        }
    }

    /// Publishes to two groups in turn, and a last message to the first. Not faster than the reader reads: each round would
    /// wait longer than the one before.
    ///
    /// - Parameter read: How many messages of the first have been read.
    private static func publish(
        _ server: TestServer,
        until isEnough: StreamBox<Bool>,
        _ read: StreamBox<Int>
    ) async throws -> [Message] {
        var published: [Message] = []
        while !isEnough.withLock({ $0 }) {
            guard published.count / 2 - read.withLock({ $0 }) < 100 else {
                await Task.yield()
                continue
            }
            published += try await server.publish("\(published.count)", to: ["a", "b"][published.count % 2])
        }
        return published + (try await server.publish("end", to: "a"))
    }
}
