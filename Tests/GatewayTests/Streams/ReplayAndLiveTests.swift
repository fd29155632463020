import Broker
import Testing

@testable import Gateway

/// Nothing is lost and nothing comes twice where history ends and live begins.
@Suite(.timeLimit(.minutes(3)), .eachTransport)
struct ReplayAndLiveTests {
    /// Where a stream begins; `after` is an id that is put in.
    enum Start: CaseIterable {
        case latest, all, last, time, header, query, since

        func query(_ id: String) -> (query: String, lastEventID: String?) {
            switch self {
            case .latest: ("", nil)
            case .all: ("since=all", nil)
            case .last: ("last=7", nil)
            case .time: ("since=1h", nil)
            case .header: ("since=latest", id)
            case .query: ("last_event_id=\(id)", nil)
            case .since: ("since=\(id)", nil)
            }
        }
    }

    private static func pausing(_ stores: StreamBox<PausingStore?>, _ store: SQLiteMessageStore)
        -> PausingStore
    {
        let pausing = PausingStore(store)
        stores.withLock { $0 = pausing }
        return pausing
    }

    @Test(arguments: PausingStore.Step.allCases, Start.allCases)
    func `a writer commits at each step of a replay`(step: PausingStore.Step, start: Start) async throws {
        for (recentBytes, inboxBytes) in [(1, 1), (1, 16 << 20), (64 << 20, 16 << 20)] {
            let stores = StreamBox<PausingStore?>(nil)
            try await StreamServer.run(
                store: { Self.pausing(stores, $0) },
                configure: {
                    $0.recentMessageBytes = recentBytes
                    $0.inboxBytes = inboxBytes
                },
                { server in
                    let store = try #require(stores.withLock { $0 })
                    try await Self.replay(server, store, step, start)
                }
            )
        }
    }

    private static func replay(
        _ server: StreamServer,
        _ store: PausingStore,
        _ step: PausingStore.Step,
        _ start: Start
    ) async throws {
        let published = StreamBox<[Message]>([])
        for number in 0..<12 {
            let message = try await server.publish("before \(number)", to: ["g", "h", "other"][number % 3])
            published.withLock { $0.append(message) }
        }
        let budget = StreamBox((left: 20, underWay: 0))
        store.at { reached in
            guard reached == step else { return }
            for group in ["h", "other", "g"] {
                let mayPublish = budget.withLock { budget in
                    guard budget.left > 0 else { return false }
                    budget.left -= 1
                    budget.underWay += 1
                    return true
                }
                guard mayPublish else { return }
                if let message = try? await server.publish("during", to: group) {
                    published.withLock { $0.append(message) }
                }
                budget.withLock { $0.underWay -= 1 }
            }
        }
        let (query, lastEventID) = start.query(server.position(4))
        let client = try await server.stream(of: ["g", "h"], query, lastEventID: lastEventID)
        let opening = try await client.opened()
        switch start {
        case .all, .time: #expect(opening.sequence == 0)
        case .header, .query, .since: #expect(opening.sequence == 4)
        case .latest: #expect((opening.sequence ?? 0) >= 12)
        case .last: break
        }
        let isReplay = start == .all || start == .last || start == .time
        let asksPosition = step == .beforePosition || step == .afterPosition
        try await eventually {
            let left = budget.withLock { $0.left }
            return left == 0 || start == .latest || (asksPosition && (!isReplay || left == 17))
                || client.receipt.isClosed
                || (!asksPosition && left < 20 && client.receipt.messages.count >= 8)
        }
        budget.withLock { $0.left = 0 }
        try await eventually { budget.withLock { $0.underWay } == 0 }
        for group in ["g", "h"] {
            let message = try await server.publish("end", to: group)
            published.withLock { $0.append(message) }
        }
        try await server.expectExact(client, ["g", "h"], published.withLock { $0 })
    }

    @Test(arguments: Start.allCases)
    func `what is committed is not seen before its hand-over`(start: Start) async throws {
        let stores = StreamBox<PausingStore?>(nil)
        try await StreamServer.run(store: { Self.pausing(stores, $0) }) { server in
            let store = try #require(stores.withLock { $0 })
            var published: [Message] = []
            for number in 0..<6 { published.append(try await server.publish("\(number)")) }
            let gate = StreamGate()
            store.beforeHandOver { _ in gate.pass() }
            async let late = server.publish("late")
            await gate.isReached()
            store.beforeHandOver { _ in }
            // On disk, and told to nobody.
            #expect(try await server.sqlite.group(GroupName("g"))?.last == 7)
            let (query, lastEventID) = start.query(server.position(3))
            let client = try await server.stream(of: ["g"], query, lastEventID: lastEventID)
            let opening = try await client.opened()
            #expect((opening.sequence ?? .max) <= 6)
            let fence = try MessageDraft(group: GroupName("g"), text: "fence")
            while !client.receipt.texts.contains("fence") {
                try server.log.publishUnstored(fence)
                await Task.yield()
            }
            #expect(!client.receipt.texts.contains("late"))
            // An id that nobody was told of yet lies in the future.
            let early = try await server.stream(of: ["g"], lastEventID: server.position(7))
            let reset = try await early.wait { $0.reset != nil }
            #expect(reset.reset?.data.contains("future") == true)
            #expect(reset.opening?.sequence == 6)
            gate.open()
            published.append(try await late)
            let receipt = try await client.wait { $0.texts.contains("late") }
            let stored = receipt.messages.filter { $0.data != "fence" }.compactMap(\.sequence)
            #expect(stored == StreamServer.expected(published, of: ["g"], after: opening.sequence ?? 0))
        }
    }

    @Test func `an empty database opens before the first message`() async throws {
        for start in ["", "since=all", "last=3", "since=1h"] {
            try await StreamServer.run { server in
                let client = try await server.stream(of: ["g"], start)
                #expect(try await client.opened().sequence == 0)
                let published = [try await server.publish("first")]
                try await server.expectExact(client, ["g"], published)
            }
        }
    }

    @Test func `stream-open names the position before what is replayed`() async throws {
        try await StreamServer.run { server in
            var published: [Message] = []
            for number in 0..<10 {
                published.append(try await server.publish("\(number)", to: "ab".map { "\($0)" }[number % 2]))
            }
            let cases: [(groups: [String], start: String, position: Int64)] = [
                (["a"], "since=all", 0), (["b"], "since=all", 1), (["a", "b"], "last=3", 7), (["a"], "last=3", 4),
                (["b"], "last=100", 1), (["none"], "since=all", 10), (["none"], "last=5", 10), (["a"], "", 10),
                (["a"], "last=0", 10), (["a"], "since=2999-01-01T00:00:00Z", 10),
                (["b"], "since=1970-01-01T00:00:00Z", 1),
            ]
            for (groups, start, position) in cases {
                let client = try await server.stream(of: groups, start)
                #expect(try await client.opened().sequence == position, "\(groups) \(start)")
                try await server.expectExact(client, groups, published)
            }
        }
    }

    @Test func `last replays no more than its bound`() async throws {
        try await StreamServer.run(configure: { $0.maximumLast = 20 }) { server in
            for number in 1...50 { try await server.publish("\(number)") }
            for (last, position) in [(5, 45), (20, 30), (21, 30), (1_000_000, 30)] {
                let client = try await server.stream(of: ["g"], "last=\(last)")
                #expect(try await client.opened().sequence == Int64(position))
            }
        }
    }

    @Test(arguments: [11, 12, 13, 14] as [UInt64])
    func `streams begin at any time, anywhere, while others publish`(seed: UInt64) async throws {
        let stores = StreamBox<PausingStore?>(nil)
        try await StreamServer.run(
            store: { Self.pausing(stores, $0) },
            configure: {
                $0.recentMessageBytes = [1, 8000, 64 << 20][Int(seed % 3)]
                $0.inboxBytes = [1, 3000, 16 << 20][Int(seed / 2 % 3)]
            },
            { server in
                let store = try #require(stores.withLock { $0 })
                let random = StreamBox(StreamRandom(seed: seed))
                store.at { _ in
                    let turns = random.withLock { Int.random(in: 0..<20, using: &$0) }
                    for _ in 0..<turns { await Task.yield() }
                }
                try await Self.storm(server, random)
            }
        )
    }

    private static func storm(_ server: StreamServer, _ random: StreamBox<StreamRandom>) async throws {
        let groups = ["a", "b", "c"]
        let seeds = random.withLock { random in (0..<24).map { _ in random.next() } }
        let published = StreamBox<[Message]>([])
        let clients = try await withThrowingTaskGroup(of: (StreamClient, [String])?.self) { tasks in
            for seed in seeds.prefix(4) {
                tasks.addTask {
                    var random = StreamRandom(seed: seed)
                    for number in 0..<60 {
                        let message = try await server.publish(
                            "\(number)",
                            to: groups[Int.random(in: 0..<3, using: &random)]
                        )
                        published.withLock { $0.append(message) }
                    }
                    return nil
                }
            }
            for seed in seeds.dropFirst(4) {
                tasks.addTask {
                    var random = StreamRandom(seed: seed)
                    let wanted = Array(groups.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
                    let moment = Int64.random(in: 0..<200, using: &random)
                    try await eventually { server.log.frontier.sequence >= moment }
                    let id = server.position(Int64.random(in: 0...server.log.frontier.sequence, using: &random))
                    let (query, header) = Start.allCases[Int.random(in: 0..<7, using: &random)].query(id)
                    return (try await server.stream(of: wanted, query, lastEventID: header), wanted)
                }
            }
            var clients: [(StreamClient, [String])] = []
            for try await client in tasks { if let client { clients.append(client) } }
            return clients
        }
        for group in groups {
            let message = try await server.publish("end", to: group)
            published.withLock { $0.append(message) }
        }
        let all = published.withLock { $0 }
        for (client, wanted) in clients { try await server.expectExact(client, wanted, all) }
    }
}
