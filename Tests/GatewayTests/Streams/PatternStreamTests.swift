import Broker
import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// Streams that follow patterns.
@Suite(.timeLimit(.minutes(1)))
struct PatternStreamTests {
    private static func matched(_ published: [Message]) -> [String] {
        Array(Set(published.compactMap { $0.group?.description }.filter { $0.hasPrefix("a.") }))
    }

    @Test func `all streams together follow so many patterns`() async throws {
        try await TestServer.run({ $0.maximumPatterns = 2 }) { server in
            let one = try await server.stream("/events?match=a*&match=b*")
            #expect(try await one.event()?.type == "stream-open")
            // The same ones are no others.
            let two = try await server.stream("/events?match=b*")
            #expect(try await two.event()?.type == "stream-open")
            let refused = try await server.get("/events?match=b*&match=c*")
            #expect(refused.status == 200)
            #expect(refused.text.hasPrefix("retry: ") && refused.text.contains("--max-patterns 2"), "\(refused.text)")
            let poll = try await server.get("/messages?match=c*&wait=1s")
            #expect(poll.status == 503 && poll["retry-after"] == "5" && poll.text.contains("--max-patterns 2"))
            #expect(try await server.get("/metrics").text.contains("\nnotify_followed_patterns 2\n"))
            // History waits for nobody, and follows nothing.
            #expect(try await server.get("/messages?match=c*").status == 200)
            await one.close()
            try await eventually { server.gateway.counters.streams.value == 1 }
            let three = try await server.stream("/events?match=c*")
            #expect(try await three.event()?.type == "stream-open")
        }
    }

    @Test(arguments: PausingStore.Step.allCases, ["since=all", "last=7", "since=1h", "since=EPOCH-4", "since=latest"])
    func `a group comes into being at each step of a replay`(step: PausingStore.Step, start: String) async throws {
        for (recentBytes, inboxBytes) in [(1, 1), (1, 16 << 20), (64 << 20, 16 << 20)] {
            try await StreamServer.runPausing(
                configure: {
                    $0.recentMessageBytes = recentBytes
                    $0.inboxBytes = inboxBytes
                },
                { server, store in
                    let published = StreamBox<[Message]>([])
                    for number in 0..<12 {
                        let message = try await server.publish("before", to: ["a.1", "b", "a.2"][number % 3])
                        published.withLock { $0.append(message) }
                    }
                    let steps = StreamBox((made: 0, underWay: 0, isOver: false))
                    store.at { reached in
                        guard reached == step else { return }
                        let number = steps.withLock { steps -> Int? in
                            guard steps.made < 6, !steps.isOver else { return nil }
                            steps.made += 1
                            steps.underWay += 1
                            return steps.made
                        }
                        guard let number else { return }
                        for group in ["a.new\(number)", "b.new\(number)", "a.1"] {
                            guard let message = try? await server.publish("during", to: group) else { continue }
                            published.withLock { $0.append(message) }
                        }
                        steps.withLock { $0.underWay -= 1 }
                    }
                    let begin = start.replacing("EPOCH", with: "\(server.log.store.epoch)")
                    // The pattern and the group overlap: what belongs to both comes once.
                    let client = try await server.stream("/events?match=a.*&group=a.1&match=a.n*&\(begin)")
                    try await client.opened()
                    // Where there is a step to come, it comes.
                    let reads = start != "since=latest" && recentBytes == 1
                    let asksWhere = reads && !start.contains("EPOCH")
                    let isReached = step == .beforePosition || step == .afterPosition ? asksWhere : reads
                    try await eventually { !isReached || steps.withLock { $0.made } > 0 }
                    steps.withLock { $0.isOver = true }
                    try await eventually { steps.withLock { $0.underWay } == 0 }
                    // Live, too: one message of all three topics, one of two, and a group that is new.
                    for group in ["a.1", "a.new", "b", "a.end"] {
                        let message = try await server.publish("end", to: group)
                        published.withLock { $0.append(message) }
                    }
                    let end = try #require(published.withLock { $0.last })
                    try await client.messages(through: end.id?.sequence ?? 0)
                    let all = published.withLock { $0 }.sorted { ($0.id?.sequence ?? 0) < ($1.id?.sequence ?? 0) }
                    try await server.expectExact(client, Self.matched(all), all)
                }
            )
        }
    }

    @Test func `stream-open names the patterns, and only where there are some`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream("/events?match=a.*&group=b&match=c%3F&match=a.*")
            #expect(try await stream.event()?.data == #"{"groups":["b"],"match":["a.*","c?"],"resumed":false}"#)
            let other = try await server.stream("/events?group=b")
            #expect(try await other.event()?.data == #"{"groups":["b"],"resumed":false}"#)
            try await server.publish("1", to: "a.x")
            try await server.publish("2", to: "d")
            try await server.publish("3", to: "b")
            try await server.publish("4", to: "cc")
            #expect(try await stream.events(3).map(\.data) == ["1", "3", "4"])
            let group = try await server.get("/groups/a.x").json(GroupBody.self)
            #expect(group.subscribers == 1)
        }
    }

    @Test(arguments: [
        ("match=", "none for groups"), ("match=a%20b", "none for groups"), ("match=%5Bz-a%5D", "none for groups"),
        ("match=" + String(repeating: "a", count: 101), "none for groups"),
        ((0...10).map { "match=a\($0)*" }.joined(separator: "&"), "--max-patterns-per-stream"),
        ("", "match=orders.*"),
    ])
    func `what makes no sense is 400`(query: String, words: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.get("/events?\(query)"), 400, words)
            try expectProblem(try await server.get("/messages?\(query)"), 400, words)
            try expectProblem(try await server.get("/messages?\(query)&wait=1s"), 400, words)
        }
    }

    @Test func `groups of applications are never matched`() async throws {
        let room = try GroupName("a.room")
        try await TestServer.run(reserved: [room]) { server in
            for text in ["1", "2"] {
                try await server.publish(text, to: "a.x")
                try await server.publish("secret", to: "a.room")
            }
            let stream = try await server.stream("/events?match=a.*&since=all")
            #expect(try await stream.events(3).map(\.data).dropFirst() == ["1", "2"])
            try await server.publish("secret", to: "a.room")
            try await server.publish("3", to: "a.x")
            #expect(try await stream.event()?.data == "3")
            let resumed = try await server.stream("/events?match=*&since=\(server.id(0))")
            #expect(try await resumed.events(4).map(\.data).dropFirst() == ["1", "2", "3"])
            let history = try await server.get("/messages?match=*").json(HistoryBody.self)
            #expect(history.data == ["1", "2", "3"])
            let poll = try await server.get("/messages?match=*&wait=0s&after=\(server.id(3))").json(HistoryBody.self)
            #expect(poll.data == ["3"])
            try expectProblem(try await server.get("/messages?group=a.room"), 403, "application")
            // Retention of an application's group is no gap of a pattern.
            try await server.log.purge(room)
            let after = try await server.stream("/events?match=a.*&since=\(server.id(1))")
            #expect(
                try await after.events(3).map(\.data) == [
                    #"{"groups":[],"match":["a.*"],"resumed":true}"#, "2", "3",
                ]
            )
        }
    }

    @Test(arguments: [1, 64 << 20])
    func `retention of a matched group is a gap, of another it is none`(recentBytes: Int) async throws {
        try await StreamServer.run(configure: { $0.recentMessageBytes = recentBytes }) { server in
            // So that the recent messages are in memory.
            let follower = try await server.stream("/events?match=a.*")
            try await follower.opened()
            for number in 1...30 { try await server.publish("\(number)", to: ["a.1", "a.2", "b.1"][number % 3]) }
            try await server.log.purge(GroupName("b.1"), through: 20)
            let whole = try await server.stream("/events?match=a.*", lastEventID: server.position(3))
            #expect(try await whole.opened().data.contains(#""resumed":true"#))
            // 3, 6, 9, 12 are of a.1.
            try await server.log.purge(GroupName("a.1"), through: 12)
            let client = try await server.stream("/events?match=a.*", lastEventID: server.position(3))
            try await client.messages(through: 30)
            let receipt = client.receipt
            #expect(receipt.control.map(\.event) == ["stream-open", "stream-reset"])
            #expect(receipt.control.map(\.id) == [server.position(0), server.position(0)])
            #expect(receipt.control.last?.data.contains(#""oldest":"\#(server.position(1))""#) == true)
            let expected = (1...30).filter { $0 % 3 != 2 && !($0 % 3 == 0 && $0 <= 12) }.map(Int64.init)
            #expect(receipt.sequences == expected)
            let later = try await server.stream("/events?match=a.*", lastEventID: server.position(12))
            try await later.messages(through: 30)
            #expect(later.receipt.control.map(\.event) == ["stream-open"])
            #expect(later.receipt.sequences == expected.filter { $0 > 12 })
            #expect(follower.receipt.sequences == (1...30).filter { $0 % 3 != 2 }.map(Int64.init))
        }
    }

    @Test func `streams of a pattern share encodings, and those of a group in it too`() async throws {
        let bench = try await ShardBench()
        let group = Topic.group(try GroupName("a1"))
        var channels: [any Channel] = []
        for topics in [[.pattern("a*")], [.pattern("a*")], [group], [group, .pattern("*1"), .pattern("a*")]] {
            channels.append(try await bench.open(topics).channel)
        }
        let messages = try await bench.log.publish(
            contentsOf: (0..<10).map { try MessageDraft(group: GroupName("a\($0 % 2)"), text: "\($0)") }
        )
        await bench.loop.run()
        #expect(messages.allSatisfy { $0.message.forms.made <= 1 })
        #expect(bench.counters.deliveries.value == 10 + 10 + 5 + 10)
        for channel in channels { try await channel.close().get() }
        await bench.loop.run()
        #expect(bench.counters.streams.value == 0)
    }
}
