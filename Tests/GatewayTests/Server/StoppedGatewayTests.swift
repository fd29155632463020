import Synchronization
import Testing

@testable import Broker
@testable import Gateway

/// What a gateway leaves behind in a program that goes on.
@Suite(.timeLimit(.minutes(1)))
struct StoppedGatewayTests {
    @Test func `a stopped gateway lets go of its log`() async throws {
        try await StreamServer.run { server in
            #expect(server.log.removalObservers.withLock { $0.all.count } == 2)
            let stream = try await server.stream(of: ["g", "h"])
            try await stream.opened()
            for number in 1...3 { try await server.publish("\(number)") }
            await server.gateway.stop()
            #expect(server.log.removalObservers.withLock { $0.all.isEmpty })
            #expect(server.log.layer.groups.isEmpty)
            // Nothing of this may reach a loop that has ended.
            try await server.publish("4")
            try await server.log.delete(1, in: GroupName("g"))
            try await server.log.purge(GroupName("g"))
        }
    }

    @Test func `its shards go with it`() async throws {
        let (store, layer) = (try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath), InMemoryChannelLayer())
        let log = try MessageLog(store: store, layer: layer)
        weak var counters: Counters?
        do {
            var configuration = GatewayConfiguration()
            configuration.port = 0
            let gateway = try Gateway(log: log, configuration: configuration)
            counters = gateway.counters
            _ = try await gateway.start()
            await gateway.stop()
        }
        #expect(counters == nil)
        await log.close()
        try await store.close()
    }
}
