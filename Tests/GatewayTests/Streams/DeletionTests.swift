import Broker
import Gateway
import Testing

/// What is deleted or purged is in no replay that begins afterwards, wherever it was kept.
@Suite(.timeLimit(.minutes(3)), .eachTransport)
struct DeletionTests {
    /// The loop's memory, filled by a stream that is live; the pages of the store that were read lately.
    @Test(arguments: [64 << 20, 1])
    func `a deleted message is not replayed, from memory or from the store`(recentBytes: Int) async throws {
        try await StreamServer.run(configure: { ($0.recentMessageBytes, $0.eventLoops) = (recentBytes, 1) }) { server in
            let live = try await server.stream(of: ["g"])
            try await live.opened()
            for number in 1...10 { try await server.publish("\(number)") }
            try await live.messages(through: 10)
            for deleted in Int64(3)...6 {
                let before = try await server.stream(of: ["g"], lastEventID: server.position(0))
                try await before.messages(through: 10)
                #expect(try await server.log.delete(deleted, in: GroupName("g")))
                let after = try await server.stream(of: ["g"], lastEventID: server.position(0))
                try await after.messages(through: 10)
                #expect(after.receipt.sequences == [1, 2] + Array((deleted + 1)...10))
                // What is deleted is no gap.
                #expect(after.receipt.control.map(\.event) == ["stream-open"])
            }
        }
    }

    /// Pages outlive the streams for which they were read.
    @Test func `a message that was deleted while nobody listened is not replayed`() async throws {
        try await StreamServer.run(configure: { ($0.recentMessageBytes, $0.eventLoops) = (1, 1) }) { server in
            for number in 1...5 { try await server.publish("\(number)") }
            let before = try await server.stream(of: ["g"], lastEventID: server.position(0))
            try await before.messages(through: 5)
            await before.close()
            try await eventually { server.gateway.counters.streams.value == 0 }
            #expect(try await server.log.delete(3, in: GroupName("g")))
            let after = try await server.stream(of: ["g"], lastEventID: server.position(0))
            try await after.messages(through: 5)
            #expect(after.receipt.sequences == [1, 2, 4, 5])
            await after.close()
            try await eventually { server.gateway.counters.streams.value == 0 }
            try await server.log.purge(GroupName("g"), through: 4)
            let late = try await server.stream(of: ["g"], lastEventID: server.position(0))
            try await late.messages(through: 5)
            #expect(late.receipt.sequences == [5])
            #expect(late.receipt.reset?.data.contains("\"reason\":\"expired\"") == true)
        }
    }

    @Test func `a purge is told to those who missed what it took`() async throws {
        try await StreamServer.run(configure: { $0.eventLoops = 1 }) { server in
            let live = try await server.stream(of: ["g", "h"])
            try await live.opened()
            for number in 1...10 { try await server.publish("\(number)", to: number % 2 == 0 ? "h" : "g") }
            try await live.messages(through: 10)
            try await server.log.purge(GroupName("g"), through: 5)
            let missed = try await server.stream(of: ["g"], lastEventID: server.position(2))
            try await missed.messages(through: 9)
            #expect(missed.receipt.sequences == [7, 9])
            #expect(missed.receipt.reset?.data.contains("\"reason\":\"expired\"") == true)
            let had = try await server.stream(of: ["g"], lastEventID: server.position(5))
            try await had.messages(through: 9)
            #expect(had.receipt.sequences == [7, 9])
            #expect(had.receipt.reset == nil)
            let other = try await server.stream(of: ["h"], lastEventID: server.position(2))
            try await other.messages(through: 10)
            #expect(other.receipt.sequences == [4, 6, 8, 10])
            #expect(other.receipt.reset == nil)
        }
    }

    /// Its read is shared with nobody who comes after the deletion.
    @Test func `a page that is being read while a message is deleted`() async throws {
        let stores = StreamBox<PausingStore?>(nil)
        try await StreamServer.run(
            store: { store in
                let pausing = PausingStore(store)
                stores.withLock { $0 = pausing }
                return pausing
            },
            configure: { ($0.recentMessageBytes, $0.eventLoops) = (1, 1) },
            { server in
                let store = try #require(stores.withLock { $0 })
                for number in 1...10 { try await server.publish("\(number)") }
                let count = StreamBox(0)
                store.at { reached in
                    guard reached == .afterPage else { return }
                    let number = count.withLock { count in
                        count += 1
                        return count
                    }
                    guard number == 1 else { return }
                    _ = try? await server.log.delete(4, in: GroupName("g"))
                }
                let first = try await server.stream(of: ["g"], lastEventID: server.position(1))
                try await first.messages(through: 10)
                let second = try await server.stream(of: ["g"], lastEventID: server.position(1))
                try await second.messages(through: 10)
                #expect(second.receipt.sequences == [2, 3] + Array(5...10))
            }
        )
    }
}
