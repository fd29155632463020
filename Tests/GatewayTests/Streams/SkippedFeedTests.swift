import Broker
import Testing

@testable import Gateway

/// An engine whose feed has a gap: what was not handed over comes from the store, and no client is told.
@Suite(.timeLimit(.minutes(3)), .eachTransport)
struct SkippedFeedTests {
    @Test func `streams read from the store what a feed has skipped, and go on`() async throws {
        try await StreamServer.runPausing(
            { server, store in
                let live = [try await server.stream(of: ["g"]), try await server.stream(of: ["g", "h"])]
                for stream in live { _ = try await stream.opened() }
                try await server.publish("1")
                store.loseMessages(true)
                for number in 2...6 { try await server.publish("\(number)", to: number == 4 ? "h" : "g") }
                store.loseMessages(false)
                store.tell(.skipped(through: 6))
                // It joins beyond the gap.
                let late = try await server.stream(of: ["g"], lastEventID: server.position(1))
                try await server.publish("7")
                try await live[0].messages(through: 7)
                try await live[1].messages(through: 7)
                try await late.messages(through: 7)
                #expect(live[0].receipt.sequences == [1, 2, 3, 5, 6, 7])
                #expect(live[1].receipt.sequences == Array(1...7))
                #expect(late.receipt.sequences == [2, 3, 5, 6, 7])
                #expect(live.allSatisfy { $0.receipt.reset == nil })
                #expect(server.log.frontier.sequence == 7)
            }
        )
    }
}
