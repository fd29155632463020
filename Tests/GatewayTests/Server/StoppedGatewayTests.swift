import Synchronization
import Testing

@testable import Broker
@testable import Gateway

/// What a gateway leaves behind in a program that goes on.
@Suite(.timeLimit(.minutes(1)))
struct StoppedGatewayTests {
    @Test func `a stopped gateway lets go of its log`() async throws {
        try await StreamServer.run { server in
            #expect(server.log.observers.withLock { $0.all.count } == 2)
            let stream = try await server.stream(of: ["g", "h"])
            try await stream.opened()
            for number in 1...3 { try await server.publish("\(number)") }
            await server.gateway.stop()
            #expect(server.log.observers.withLock { $0.all.isEmpty })
            #expect(server.log.layer.groups.isEmpty)
            // Nothing of this may reach a loop that has ended.
            try await server.publish("4")
            try await server.log.delete(1, in: GroupName("g"))
            try await server.log.purge(GroupName("g"))
        }
    }

    @Test func `a start that fails leaves nothing in the log`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        var configuration = GatewayConfiguration()
        configuration.port = 0
        let socket = try ListeningSocket(configuration)
        let first = try Gateway(log: log, configuration: configuration, socket: socket)
        _ = try await first.start()
        let observers = log.observers.withLock { $0.all.count }
        let second = try Gateway(log: log, configuration: configuration, socket: socket)
        await #expect(throws: GatewayError.self) { try await second.start() }
        #expect(log.observers.withLock { $0.all.count } == observers)
        await first.stop()
        await log.close()
        try await store.close()
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
