import Broker
import Testing

@testable import Gateway

/// A few requests that read much do not keep the others from the store.
@Suite(.timeLimit(.minutes(3)), .streamsAndSockets)
struct FairReadsTests {
    private static let groups = (0..<50).map { "h\($0)" }

    /// Holds the connections that take long reads, while `body` runs.
    private static func holding(_ store: SQLiteMessageStore, _ body: () async throws -> Void) async throws {
        let gates = [StreamGate(), StreamGate()]
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for gate in gates { tasks.addTask { try await store.readTables(.long) { _ in gate.pass() } } }
            for gate in gates { await gate.isReached() }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            for gate in gates { gate.open() }
            try await tasks.waitForAll()
            try outcome.get()
        }
    }

    private static func run(_ body: (StreamServer) async throws -> Void) async throws {
        try await StreamServer.run(
            configure: {
                $0.recentMessageBytes = 1
                $0.eventLoops = 1
            },
            { server in
                try await server.log.publish(
                    contentsOf: (0..<8000).map { number in
                        try MessageDraft(group: GroupName(groups[number % 50]), text: "\(number)")
                    }
                )
                try await body(server)
            }
        )
    }

    @Test func `a resume near the head does not wait for scans, and scans for those who have gone are dropped`()
        async throws
    {
        try await Self.run { server in
            let counters = server.gateway.counters
            try await Self.holding(server.sqlite) {
                let query = Self.groups.map { "group=\($0)" }.joined(separator: "&")
                for turn in 0..<120 {
                    let client = try await server.stream("/events?\(query)&last=7000")
                    if turn % 20 == 0 {
                        // Some have come so far that their scans wait.
                        try await eventually { counters.streams.value > 0 && server.sqlite.waitingReads > 0 }
                    }
                    await client.close()
                }
                let client = try await server.stream(of: ["h7"], lastEventID: server.position(7500))
                #expect(try await client.opened().sequence == 7500)
                try await client.messages(through: 7958)
                #expect(client.receipt.sequences == Array(stride(from: 7508, through: 7958, by: 50)))
                // Those who left are not read for, though nothing that runs has ended.
                try await eventually { server.sqlite.waitingReads == 0 && counters.streams.value == 1 }
                // Counted a moment after they have left the queue.
                try await eventually { counters.droppedReads.value >= 6 }
            }
            // Who stays gets what was asked for.
            let client = try await server.stream(of: ["h7", "h8"], "last=200")
            #expect(try await client.opened().sequence == 3007)
        }
    }

    @Test func `a resume near the head does not wait with one of the same group that begins far back`() async throws {
        try await Self.run { server in
            try await Self.holding(server.sqlite) {
                let far = try await server.stream(of: ["h1"], lastEventID: server.position(0))
                try await eventually { server.sqlite.waitingReads == 1 }
                let near = try await server.stream(of: ["h1"], lastEventID: server.position(7900))
                try await near.messages(through: 7952)
                #expect(near.receipt.sequences == [7902, 7952])
                #expect(far.receipt.sequences.isEmpty)
                await far.abort()
            }
        }
    }

    @Test func `history is not read for a client that has gone`() async throws {
        try await Self.run { server in
            try await Self.holding(server.sqlite) {
                var clients: [StreamClient] = []
                for _ in 0..<20 { clients.append(try await server.stream("/groups/h1/messages")) }
                try await eventually { server.sqlite.waitingReads == 20 }
                for client in clients { await client.abort() }
                try await eventually { server.sqlite.waitingReads == 0 }
                // Lists of groups and single messages are short.
                let one = try await server.stream("/groups/h1/messages/\(server.position(2))")
                _ = try await one.wait { $0.body.status == 200 }
            }
        }
    }

    @Test func `a read that several wait for goes on when one of them leaves`() async throws {
        try await Self.run { server in
            let counters = server.gateway.counters
            try await Self.holding(server.sqlite) {
                let first = try await server.stream(of: ["h1"], lastEventID: server.position(0))
                try await eventually { server.sqlite.waitingReads == 1 }
                let second = try await server.stream(of: ["h1"], lastEventID: server.position(100))
                try await eventually { counters.streams.value == 2 }
                #expect(counters.pageReads.value == 1)
                await first.abort()
                try await eventually { counters.streams.value == 1 }
                #expect(server.sqlite.waitingReads == 1)
                await second.abort()
                try await eventually { server.sqlite.waitingReads == 0 }
                // Counted a moment after it has left the queue.
                try await eventually { counters.droppedReads.value == 1 }
            }
            let client = try await server.stream(of: ["h1"], lastEventID: server.position(0))
            try await client.messages(through: 7952)
            #expect(client.receipt.sequences == Array(stride(from: 2, through: 7952, by: 50)))
        }
    }
}
