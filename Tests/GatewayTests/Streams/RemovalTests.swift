import Broker
import Testing

@testable import Gateway

/// Retention takes messages away from under streams that catch up.
@Suite(.timeLimit(.minutes(3)), .eachTransport)
struct RemovalTests {
    /// Runs a stream over 20 messages, of which some are removed at the given occurrence of a step.
    private static func run(
        _ step: PausingStore.Step,
        occurrence: Int,
        removeThrough sequence: Int64,
        start: (query: String, lastEventID: Int64?),
        _ check: (StreamReceipt, StreamServer) throws -> Void
    ) async throws {
        try await StreamServer.runPausing(
            configure: { $0.recentMessageBytes = 1 },
            { server, store in
                for number in 0..<20 { try await server.publish("\(number)") }
                let count = StreamBox(0)
                store.at { reached in
                    guard reached == step else { return }
                    let number = count.withLock { count in
                        count += 1
                        return count
                    }
                    guard number == occurrence, let group = try? GroupName("g") else { return }
                    try? await server.sqlite.remove(group, through: sequence)
                }
                let client = try await server.stream(
                    of: ["g"],
                    start.query,
                    lastEventID: start.lastEventID.map { server.position($0) }
                )
                try await client.messages(through: 20)
                try check(client.receipt, server)
            }
        )
    }

    @Test func `a removal that overtakes a replay is told in its middle`() async throws {
        try await Self.run(.beforePage, occurrence: 3, removeThrough: 15, start: ("since=all", nil)) {
            receipt,
            server in
            let seen = receipt.sequences
            #expect(Array(seen.suffix(5)) == Array(16...20))
            let first = seen.dropLast(5)
            #expect(!first.isEmpty)
            #expect(Array(first) == Array(1...Int64(first.count)))
            #expect(receipt.control.map(\.event) == ["stream-open", "stream-reset"])
            #expect(receipt.control.map(\.id) == [server.position(0), server.position(15)])
            #expect(receipt.reset?.data.contains("\"reason\":\"expired\"") == true)
            #expect(receipt.reset?.data.contains("\"oldest\":\"\(server.position(16))\"") == true)
        }
    }

    @Test func `a removal of what was sent already is not told`() async throws {
        try await Self.run(.beforePage, occurrence: 3, removeThrough: 2, start: ("since=all", nil)) { receipt, _ in
            #expect(receipt.sequences == Array(1...20))
            #expect(receipt.control.map(\.event) == ["stream-open"])
        }
    }

    @Test func `a removal between the beginning and the first page of a replay is not told`() async throws {
        try await Self.run(.afterPosition, occurrence: 1, removeThrough: 5, start: ("since=all", nil)) { receipt, _ in
            #expect(receipt.sequences == Array(6...20))
            #expect(receipt.control.map(\.event) == ["stream-open"])
        }
    }

    @Test func `a removal before the first page of a resume is told`() async throws {
        try await Self.run(.beforePage, occurrence: 1, removeThrough: 12, start: ("", 3)) { receipt, server in
            #expect(receipt.sequences == Array(13...20))
            #expect(receipt.control.map(\.event) == ["stream-open", "stream-reset"])
            #expect(receipt.opening?.id == server.position(12))
        }
    }

    @Test func `a page that was read before a removal is whole`() async throws {
        try await Self.run(.afterPage, occurrence: 1, removeThrough: 4, start: ("", 0)) { receipt, _ in
            #expect(receipt.sequences == Array(1...20))
            #expect(receipt.control.map(\.event) == ["stream-open"])
        }
    }

    @Test func `the position of a reset is never beyond what was published`() async throws {
        try await StreamServer.runPausing(
            { server, store in
                for number in 0..<5 { try await server.publish("\(number)") }
                try await server.sqlite.remove(GroupName("g"), through: 5)
                // The oldest of the group that is stored, 8, is committed but not handed over; 7 is another group's.
                let gate = StreamGate()
                store.beforeHandOver { _ in gate.pass() }
                async let first = server.publish("first", to: "other")
                await gate.isReached()
                for group in ["other", "g"] {
                    server.log.publish(try MessageDraft(group: GroupName(group), text: "late"), on: nil) { _ in }
                }
                gate.open()
                _ = try await first
                await gate.isReached()
                let client = try await server.stream(of: ["g"], lastEventID: server.position(2))
                let receipt = try await client.wait { $0.reset != nil }
                #expect(receipt.opening?.sequence == 6)
                #expect(receipt.messages.isEmpty)
                gate.open()
                try await client.messages(through: 8)
                #expect(client.receipt.sequences == [8])
            }
        )
    }
}
