import AsyncHTTPClient
import Broker
import Foundation
import Gateway
import NIOCore
import Synchronization
import Testing

/// A thousand readers of an application's stream cost what a thousand readers of any stream cost: a message is composed
/// once for each event loop, and the bytes are shared.
@Suite(.timeLimit(.minutes(2))) struct SharedPathTests {
    private final class CountingComposer: MessageComposer {
        let count = Atomic<Int>(0)
        var revision: Int { 0 }

        func compose(_ message: Message) -> ComposedEvent? {
            count.wrappingAdd(1, ordering: .relaxed)
            return ComposedEvent(data: message.data)
        }
    }

    @Test func `a message is composed once for each event loop`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let (composer, group) = (CountingComposer(), try GroupName("mine"))
        var configuration = GatewayConfiguration()
        configuration.port = 0
        configuration.eventLoops = 2
        let gateway = try Gateway(
            log: log,
            configuration: configuration,
            streams: [
                StreamRoute(path: "/mine/") { _ in StreamGrant(groups: [group], payload: .composed(composer)) }
            ],
            reserved: [group]
        )
        let port = try await gateway.start()
        let client = HTTPClient(
            configuration: .init(
                connectionPool: .init(idleTimeout: .seconds(10), concurrentHTTP1ConnectionsPerHostSoftLimit: 100)
            )
        )
        let readers = 60
        let opened = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<readers {
                tasks.addTask {
                    let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/mine/")
                    let response = try await client.execute(request, timeout: .seconds(30))
                    var text = ""
                    for try await part in response.body {
                        if text.isEmpty { opened.continuation.yield() }
                        text += String(buffer: part)
                        if text.contains("data: hello") { return }
                    }
                    Issue.record("A stream ended: \(text)")
                }
            }
            var count = 0
            for await _ in opened.stream {
                count += 1
                if count == readers { break }
            }
            try await log.publish(MessageDraft(group: group, text: "hello"))
            try await tasks.waitForAll()
        }
        #expect((1...2).contains(composer.count.load(ordering: .relaxed)))
        await gateway.stop()
        try await client.shutdown()
        await log.close()
        try await store.close()
    }
}
