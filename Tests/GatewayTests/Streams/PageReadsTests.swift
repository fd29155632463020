import Broker
import Foundation
import Testing

@testable import Gateway

/// History that streams read from the store: shared where it can be, and what is told where it cannot be read.
@Suite(.timeLimit(.minutes(3)), .streamsAndSockets)
struct PageReadsTests {
    /// A server on a database with messages, none of which is in memory.
    private static func runAnew(
        _ body: (StreamServer, [Message]) async throws -> Void,
        prepare: (StreamServer) async throws -> [Message],
        damage: ((Data) -> Data)? = nil
    ) async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/test.sqlite"
            var published: [Message] = []
            try await StreamServer.run(path: path) { published = try await prepare($0) }
            if let damage {
                let file = URL(fileURLWithPath: path)
                try damage(Data(contentsOf: file)).write(to: file)
            }
            try await StreamServer.run(
                path: path,
                configure: {
                    $0.eventLoops = 1
                    $0.heartbeat = .seconds(300)
                },
                { try await body($0, published) }
            )
        }
    }

    private static func thousands(_ server: StreamServer) async throws -> [Message] {
        var published: [Message] = []
        for part in 0..<6 {
            published += try await server.publish(burst: (0..<500).map { "\(part) \($0)" })
            published += try await server.publish(burst: (0..<100).map { "\(part) \($0)" }, to: "other")
        }
        return published
    }

    @Test(arguments: [true, false])
    func `readers at many positions share the reads of what they missed`(atOnce: Bool) async throws {
        try await Self.runAnew(
            { server, published in
                // Not in the order of their positions.
                let positions = (0..<60).map { $0 * 7 % 60 * 50 }
                if atOnce {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for position in positions {
                            group.addTask { try await Self.resume(server, published, at: position) }
                        }
                        try await group.waitForAll()
                    }
                } else {
                    for position in positions { try await Self.resume(server, published, at: position) }
                }
                // Each for itself would read 60 first pages, and three more on the average.
                #expect(server.gateway.counters.pageReads.value < 40)
            },
            prepare: Self.thousands
        )
    }

    private static func resume(_ server: StreamServer, _ published: [Message], at position: Int) async throws {
        let client = try await server.stream(of: ["g"], lastEventID: server.position(Int64(position)))
        #expect(try await client.opened().sequence == Int64(position))
        try await server.expectExact(client, ["g"], published)
        await client.abort()
    }

    @Test func `a stream passes over a damaged message, and says so`() async throws {
        try await Self.runAnew(
            { server, published in
                func expect(_ client: StreamClient, _ sequences: [Int64], resetAt: Int) async throws {
                    let live = try await server.publish("live")
                    try await client.messages(through: live.id?.sequence ?? 0)
                    let receipt = client.receipt
                    #expect(receipt.sequences.prefix(sequences.count) == sequences[...])
                    #expect(receipt.reset?.sequence == 5)
                    #expect(receipt.reset?.data.contains("\"reason\":\"damaged\"") == true)
                    let opening = try #require(receipt.opening)
                    #expect(opening.sequence == Int64(resetAt))
                }
                // The one after which it comes, and one from before that: both wait for the same page.
                try await expect(
                    try await server.stream(of: ["g"], lastEventID: server.position(4)),
                    [6, 7, 8, 9, 10],
                    resetAt: 5
                )
                try await expect(
                    try await server.stream(of: ["g"], lastEventID: server.position(2)),
                    [3, 4, 6, 7, 8, 9, 10],
                    resetAt: 2
                )
                try await expect(
                    try await server.stream(of: ["g"], "since=all"),
                    [1, 2, 3, 4, 6, 7, 8, 9, 10],
                    resetAt: 0
                )
                // A client that has passed it already notices nothing.
                let client = try await server.stream(of: ["g"], lastEventID: server.position(5))
                let live = try await server.publish("live")
                try await client.messages(through: live.id?.sequence ?? 0)
                #expect(client.receipt.sequences.prefix(5) == [6, 7, 8, 9, 10])
                #expect(client.receipt.reset == nil)
            },
            prepare: { server in
                var published: [Message] = []
                for number in 1...10 { published.append(try await server.publish("message \(number).")) }
                return published
            },
            damage: { bytes in
                var bytes = bytes
                while let range = bytes.range(of: Data("message 5.".utf8)) {
                    bytes.replaceSubrange(range, with: Data("message x.".utf8))
                }
                return bytes
            }
        )
    }

    @Test func `a stream opens although its page cannot be read yet`() async throws {
        let stores = StreamBox<PausingStore?>(nil)
        try await StreamServer.run(
            store: { store in
                let pausing = PausingStore(store)
                stores.withLock { $0 = pausing }
                return pausing
            },
            configure: { $0.recentMessageBytes = 1 },
            { server in
                var published: [Message] = []
                for number in 1...5 { published.append(try await server.publish("\(number)")) }
                let store = try #require(stores.withLock { $0 })
                store.failPages(1)
                let client = try await server.stream(of: ["g"], lastEventID: server.position(2))
                let opening = try await client.opened()
                #expect(opening.sequence == 2)
                #expect(opening.data.contains("\"resumed\":true"))
                #expect(client.receipt.messages.isEmpty)
                published.append(try await server.publish("live"))
                try await server.expectExact(client, ["g"], published)
            }
        )
    }
}
