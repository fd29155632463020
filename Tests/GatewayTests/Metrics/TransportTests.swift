import AsyncHTTPClient
import Broker
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

/// Connections are counted by what they speak, until they are closed.
@Suite(.timeLimit(.minutes(1)))
struct TransportTests {
    private static func counted(_ server: TestServer) -> [Transport: Int] {
        Dictionary(uniqueKeysWithValues: server.gateway.counters.transports.values.filter { $0.value != 0 })
    }

    @Test func `without TLS`() async throws {
        try await TestServer.run({ $0.allowsCleartextHTTP2 = true }) { server async throws in
            let silent = try await server.connect()
            let stream = try await server.stream()
            #expect(try await stream.event()?.type == "stream-open")
            let http2 = try await server.connect()
            let client = await FrameClient(http2)
            for id in [1, 3] { await client.request("GET", "/healthz", on: id) }
            for id in [1, 3] { #expect(try await client.status(on: id) == 200) }
            try await eventually { Self.counted(server) == [.http1: 1, .http2: 1] }
            let text = try await server.get("/metrics").text
            #expect(text.contains("notify_transport_connections{transport=\"undecided\"} 1\n"))
            #expect(text.contains("notify_transport_connections{transport=\"http2\"} 1\n"))
            await silent.close()
            await stream.close()
            await http2.close()
            try await eventually { Self.counted(server).isEmpty }
        }
    }

    @Test(arguments: [true, false])
    func `with TLS`(isHTTP2: Bool) async throws {
        try await SecureServer.run { secure async throws in
            try await secure.withClient({ $0.httpVersion = isHTTP2 ? .automatic : .http1Only }) { client async throws in
                let request = HTTPClientRequest(url: "\(secure.url)/healthz")
                let answer = try await client.execute(request, timeout: .seconds(20))
                #expect(answer.status == .ok)
                #expect(Self.counted(secure.server) == [isHTTP2 ? .http2TLS : .http1TLS: 1])
            }
            try await eventually { Self.counted(secure.server).isEmpty }
        }
    }
}
