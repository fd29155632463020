import Foundation
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1)))
struct BacklogTests {
    /// After a restart everybody connects at once; whom the system cannot hold tries again a second later at the earliest.
    @Test func `as many connections wait to be accepted as are wanted, or as the system allows`() async throws {
        let setting = try FileHandle(forReadingAtPath: "/proc/sys/net/core/somaxconn")?.readToEnd() ?? Data()
        let text = String(decoding: setting, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let allowed = try #require(Int(text))
        try await TestServer.run { server in
            #expect(server.gateway.backlog == min(4096, allowed))
        }
    }
}
