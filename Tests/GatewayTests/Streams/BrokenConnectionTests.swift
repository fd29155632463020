import Broker
import Testing

@testable import Gateway

/// Connections that break, and clients that do not say goodbye.
@Suite(.timeLimit(.minutes(3)), .streamsAndSockets)
struct BrokenConnectionTests {
    private static let texts = (0..<14).map { number in
        ["plain \(number)", "two\nlines", "", String(repeating: "x", count: 300), "\r\n\r\n", "id: forged"][number % 6]
    }

    /// Where in the bytes of a stream to cut: at each end of an event, beside it, and here and there.
    private static func cuts(_ bytes: [UInt8]) -> [Int] {
        var cuts: Set<Int> = []
        for index in 1..<bytes.count where bytes[index] == 10 && bytes[index - 1] == 10 {
            cuts.formUnion([index - 1, index, index + 1, index + 2])
        }
        for index in stride(from: 1, to: bytes.count, by: 61) { cuts.insert(index) }
        return cuts.filter { $0 < bytes.count }.sorted()
    }

    @Test(arguments: [("since=all", 1), ("since=all", 64 << 20), ("last=9", 1)])
    func `a replay that breaks anywhere is resumed without loss`(start: String, recentBytes: Int) async throws {
        try await StreamServer.run(configure: { $0.recentMessageBytes = recentBytes }) { server in
            var published: [Message] = []
            for (index, text) in Self.texts.enumerated() {
                published.append(try await server.publish(text, to: index % 4 == 0 ? "h" : "g"))
            }
            // Keeps the groups in memory, so that resumes come from there where memory allows.
            let keeper = try await server.stream(of: ["g", "h"])
            try await keeper.opened()
            var options = StreamClient.Options()
            options.keepsBytes = true
            let whole = try await server.stream(of: ["g", "h"], start, options: options)
            let complete = try await server.expectExact(whole, ["g", "h"], published)
            try await withThrowingTaskGroup { tasks in
                for cut in Self.cuts(complete.raw) {
                    tasks.addTask { try await Self.breakAndResume(server, start, cut, complete) }
                }
                try await tasks.waitForAll()
            }
        }
    }

    private static func breakAndResume(
        _ server: StreamServer,
        _ start: String,
        _ cut: Int,
        _ complete: StreamReceipt
    ) async throws {
        var options = StreamClient.Options()
        options.breaksAfter = cut
        let broken = try await server.stream(of: ["g", "h"], start, options: options)
        let first = try await broken.closed()
        // A client that has no id yet comes back as it came.
        let id = first.lastEventID
        let resumed = try await server.stream(of: ["g", "h"], start, lastEventID: id.isEmpty ? nil : id)
        if !id.isEmpty { #expect(try await resumed.opened().id == id) }
        let second = try await resumed.wait { first.messages.count + $0.messages.count >= complete.messages.count }
        #expect(first.messages + second.messages == complete.messages, "cut at byte \(cut)")
        #expect(second.reset == nil)
        await resumed.close()
    }

    @Test func `connects and aborts leave nothing behind`() async throws {
        try await StreamServer.run { server in
            let subscribed = try await server.stream(of: ["g"])
            try await subscribed.opened()
            try await withThrowingTaskGroup { tasks in
                tasks.addTask {
                    for number in 0..<40 {
                        try await server.publish(
                            burst: Array(repeating: "\(number)", count: 5),
                            to: ["g", "h"][number % 2]
                        )
                    }
                }
                for seed in UInt64(0)..<12 {
                    tasks.addTask {
                        var random = StreamRandom(seed: seed)
                        for _ in 0..<30 { try await Self.visit(server, &random) }
                    }
                }
                try await tasks.waitForAll()
            }
            await subscribed.abort()
            let counters = server.gateway.counters
            try await eventually { counters.connections.value == 0 }
            #expect(counters.streams.value == 0)
            #expect(counters.liveStreams.value == 0)
            #expect(server.log.layer.groups.isEmpty)
            #expect(try await Self.subscribers(server) == [0, 0])
        }
    }

    private static func visit(_ server: StreamServer, _ random: inout StreamRandom) async throws {
        var options = StreamClient.Options()
        if Bool.random(using: &random) { options.breaksAfter = Int.random(in: 1...600, using: &random) }
        let client = try await server.stream(
            of: ["g", "h"],
            ["", "since=all", "last=20"].randomElement(using: &random) ?? "",
            options: options
        )
        switch Int.random(in: 0..<4, using: &random) {
        case 0: break
        case 1: _ = try? await client.opened()
        default:
            let count = Int.random(in: 0...5, using: &random)
            for _ in 0..<count { await Task.yield() }
        }
        if Bool.random(using: &random) { await client.abort() } else { await client.close() }
    }

    private static func subscribers(_ server: StreamServer) async throws -> [Int] {
        var counts: [Int] = []
        for group in ["g", "h"] {
            var options = StreamClient.Options()
            options.keepsBytes = true
            let client = try await server.stream("/groups/\(group)", options: options)
            let receipt = try await client.wait { $0.raw.contains(UInt8(ascii: "}")) }
            let text = String(decoding: receipt.raw, as: UTF8.self)
            let tail = try #require(text.split(separator: "\"subscribers\":").last)
            counts.append(try #require(Int(tail.prefix { $0.isNumber })))
            await client.close()
        }
        return counts
    }
}
