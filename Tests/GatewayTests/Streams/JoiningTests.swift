import Broker
import Testing

@testable import Gateway

/// Streams join groups that their event loop does not follow yet, while others publish to them.
@Suite(.timeLimit(.minutes(3)), .streamsAndSockets)
struct JoiningTests {
    static let groups = (0..<16).map { "g\($0)" }

    @Test(arguments: [(1, 16 << 20, 64 << 20), (2, 600, 4000), (3, 1, 1), (4, 2500, 1)] as [(UInt64, Int, Int)])
    func `streams come and go during publishing`(seed: UInt64, inboxBytes: Int, recentBytes: Int) async throws {
        try await StreamServer.run(
            configure: {
                $0.inboxBytes = inboxBytes
                $0.recentMessageBytes = recentBytes
            },
            { server in
                let published = StreamBox<[Message]>([])
                let isOver = StreamBox(false)
                try await withThrowingTaskGroup(of: [(StreamReceipt, [String])].self) { tasks in
                    for reader in 0..<12 {
                        tasks.addTask {
                            var random = StreamRandom(seed: seed * 1000 + UInt64(reader))
                            var left: [(StreamReceipt, [String])] = []
                            while !isOver.withLock({ $0 }) {
                                left.append(try await Self.visit(server, &random, isOver))
                            }
                            return left
                        }
                    }
                    try await Self.publish(server, seed, into: published)
                    isOver.withLock { $0 = true }
                    for try await left in tasks {
                        let all = published.withLock { $0 }
                        for (receipt, groups) in left { StreamServer.expectBeginning(receipt, groups, all) }
                    }
                }
            }
        )
    }

    private static func publish(
        _ server: StreamServer,
        _ seed: UInt64,
        into published: StreamBox<[Message]>
    ) async throws {
        var random = StreamRandom(seed: seed)
        for round in 0..<60 {
            let group = groups[Int.random(in: 0..<groups.count, using: &random)]
            let messages = try await server.publish(
                burst: (0..<Int.random(in: 1...20, using: &random)).map { "\(round).\($0)" },
                to: group
            )
            published.withLock { $0 += messages }
        }
        for group in groups {
            let message = try await server.publish("end", to: group)
            published.withLock { $0.append(message) }
        }
    }

    /// Opens a stream, takes some messages, leaves.
    private static func visit(
        _ server: StreamServer,
        _ random: inout StreamRandom,
        _ isOver: StreamBox<Bool>
    ) async throws -> (StreamReceipt, [String]) {
        let wanted = Array(groups.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
        let frontier = server.log.frontier.sequence
        let near = Int64.random(in: max(0, frontier - 30)...frontier, using: &random)
        let client =
            switch Int.random(in: 0..<4, using: &random) {
            case 0: try await server.stream(of: wanted, "since=all")
            case 1: try await server.stream(of: wanted, "last=5")
            default: try await server.stream(of: wanted, lastEventID: server.position(near))
            }
        let opening = try await client.opened()
        let count = Int.random(in: 0...12, using: &random)
        let id = "\(opening.id)"
        try await eventually { client.receipt.messages.count >= count || isOver.withLock { $0 } }
        #expect(client.receipt.opening?.id == id)
        await client.abort()
        return (client.receipt, wanted)
    }

    @Test func `a loop that is behind joins a group that is ahead`() async throws {
        try await StreamServer.run { server in
            // Both loops follow "known", and stand at its last message; "new" is ahead of them.
            var followers: [StreamClient] = []
            for _ in 0..<8 { followers.append(try await server.stream(of: ["known"])) }
            for client in followers { try await client.opened() }
            var published = try await server.publish(burst: (0..<50).map { "\($0)" }, to: "known")
            for client in followers { try await server.expectExact(client, ["known"], published) }
            published += try await server.publish(burst: (0..<100).map { "\($0)" }, to: "new")
            var clients: [StreamClient] = []
            for index in 0..<16 {
                clients.append(
                    index % 2 == 0
                        ? try await server.stream(
                            of: ["new", "known"],
                            lastEventID: server.position(50 + Int64(index))
                        )
                        : try await server.stream(of: ["new"], "since=all")
                )
            }
            published.append(try await server.publish("end", to: "new"))
            for (index, client) in clients.enumerated() {
                try await server.expectExact(client, index % 2 == 0 ? ["new", "known"] : ["new"], published)
            }
        }
    }

    @Test func `a group is left and joined again`() async throws {
        try await StreamServer.run { server in
            var published: [Message] = []
            var cursor = server.position(0)
            for round in 0..<40 {
                published += try await server.publish(burst: (0..<5).map { "\(round).\($0)" }, to: "g")
                let client = try await server.stream(of: ["g"], lastEventID: cursor)
                let last = published.compactMap { $0.id?.sequence }.max() ?? 0
                published.append(try await server.publish("live \(round)", to: "g"))
                try await client.messages(through: last + (round % 2 == 0 ? 1 : 0))
                StreamServer.expectBeginning(client.receipt, ["g"], published)
                cursor = client.receipt.lastEventID
                await client.abort()
            }
        }
    }
}
