import HTTPTypes
import NIOHTTP1
import Testing

@testable import Gateway

struct AccessPolicyTests {
    private func check(_ headers: [(String, String)], host: String, origins: [String] = []) -> Int {
        var configuration = GatewayConfiguration()
        (configuration.host, configuration.allowedOrigins) = (host, origins)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: HTTPHeaders(headers))
        do throws(Problem) {
            try AccessPolicy(configuration).check(head)
            return 200
        } catch {
            return error.status.code
        }
    }

    @Test(
        arguments: [
            ("broker.local", "broker.local:8080", 200), ("Broker.Local", "broker.LOCAL", 200),
            ("broker.local", "localhost", 200),
            ("broker.local", "other.local", 403), ("127.0.0.1", "broker.local", 403), ("::1", "[::1]:8080", 200),
            ("fd00::1", "[fd00::1]:8080", 200), ("fd00::1", "[FD00::1]", 200), ("fd00::1", "[fd00::2]", 403),
            ("::", "anything", 200), ("0.0.0.0", "anything:1", 200),
        ]
    )
    func `answers to its host and to loopback`(host: String, field: String, status: Int) {
        #expect(check([("host", field)], host: host) == status)
    }

    @Test(
        arguments: [
            ("https://example.org", ["https://example.org"], 200),
            ("https://EXAMPLE.org", ["https://example.org"], 200),
            ("https://example.org", ["https://Example.org"], 200),
            ("https://example.org:443", ["https://example.org"], 403),
            ("https://b.org", ["https://a.org", "https://b.org"], 200), ("https://b.org", ["*"], 200),
            ("null", ["https://a.org"], 403), ("http://localhost:1", [], 200), ("http://localhost:2", [], 403),
        ]
    )
    func `admits the origins that it was given, and its own`(origin: String, allowed: [String], status: Int) {
        #expect(check([("host", "localhost:1"), ("origin", origin)], host: "127.0.0.1", origins: allowed) == status)
    }

    @Test(
        arguments: [
            ("localhost", true), ("a.LocalHost", true), ("127.0.0.1", true), ("127.255.255.255", true), ("::1", true),
            ("[::1]", true), ("localhost.", false), ("127.0.0", false), ("127.0.0.1.", false), ("127.0.0.-1", false),
            ("127.0.0.1.example.org", false), ("128.0.0.1", false), ("", false),
        ]
    )
    func `loopback is this machine alone`(host: String, isLoopback: Bool) {
        #expect(GatewayConfiguration.isLoopback(host) == isLoopback)
    }
}
