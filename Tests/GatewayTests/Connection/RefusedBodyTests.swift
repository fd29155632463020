import Broker
import Gateway
import NotifyClient
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RefusedBodyTests {
    /// It is still sending when the answer comes.
    @Test func `a client that sends far too much learns it`() async throws {
        try await TestServer.run { server in
            let client = try NotifyClient(url: "http://127.0.0.1:\(server.port)")
            let text = String(repeating: "x", count: 12 << 20)
            for _ in 0..<3 {
                let error = await #expect(throws: NotifyClientError.self) {
                    try await client.publish(group: "test-group", data: text)
                }
                #expect(error?.status == 413, "\(String(describing: error?.underlying)): \(String(describing: error))")
            }
            try await client.shutdown()
        }
    }
}
