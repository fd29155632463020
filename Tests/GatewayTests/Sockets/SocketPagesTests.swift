import Broker
import Testing

@testable import Gateway

/// Sockets whose subscriptions read from the store.
@Suite(.timeLimit(.minutes(1)))
struct SocketPagesTests {
    /// Each subscription has asked for a page when the first of them fills the socket.
    @Test func `pages that come while the socket is full are read again later`() async throws {
        let store = PausingStore(try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath))
        let configure: (inout GatewayConfiguration) -> Void = { configuration in
            configuration.connectionBufferBytes = 64 << 10
            configuration.recentMessageBytes = 1
        }
        let (size, names) = (512 << 10, (10..<50).map { "g\($0)" })
        try await TestServer.run(configure, store: store) { server async throws in
            let text = String(repeating: "x", count: size)
            for name in names { try await server.publish(text, to: name) }
            let (waiting, isOpen) = (StreamBox(0), StreamBox(false))
            store.at { step in
                guard step == .afterPage, !isOpen.withLock({ $0 }) else { return }
                waiting.withLock { $0 += 1 }
                while !isOpen.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(1)) }
            }
            let connection = try await server.connect(receiveBuffer: 4096)
            await connection.send(TestServer.bytes("GET", "/socket", SocketClient.handshake))
            let socket = try await SocketClient(connection)
            for name in names {
                let answer = try await socket.ask(
                    "{\"subscribe\":{\"name\":\"\(name)\",\"groups\":[\"\(name)\"],\"since\":\"all\"}}"
                )
                #expect(answer.subscribed == name)
            }
            try await eventually { waiting.withLock { $0 } == names.count }
            try await connection.stopReading()
            isOpen.withLock { $0 = true }
            var most = 0
            for _ in 0..<60 {
                let list = try await server.get("/connections").json(ConnectionRoutesTests.Listing.self)
                most = max(most, list.connections.map(\.waiting_bytes).max() ?? 0)
            }
            // What makes the socket full, and the page that did.
            #expect(most > 0)
            #expect(most <= 64 << 10 + size + 1000, "\(most)")
            try await connection.startReading()
            var seen: [String] = []
            while seen.count < names.count {
                let reply = try await socket.json()
                #expect(reply.data?.utf8.count == size)
                seen.append(reply.group ?? "")
            }
            #expect(seen.sorted() == names)
            try await eventually { server.gateway.counters.liveStreams.value == names.count }
        }
    }
}
