import HTTPTypes
import Logging
import NIOHTTP1
import Testing

@testable import Gateway

struct AccessPolicyTests {
    private func check(
        _ headers: [(String, String)],
        host: String = "127.0.0.1",
        hosts: [String] = [],
        origins: [String] = [],
        method: HTTPMethod = .GET
    ) -> Int {
        var configuration = GatewayConfiguration()
        (configuration.host, configuration.allowedHosts, configuration.allowedOrigins) = (host, hosts, origins)
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: "/", headers: HTTPHeaders(headers))
        do throws(Problem) {
            try AccessPolicy(configuration, Logger(label: "test")).check(head, AccessFields(head.headers))
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
            ("fd00::1", "[fd00:0:0:0::1]", 200), ("127.0.0.1", "[0:0::1]", 200), ("127.0.0.1", "localhost.", 200),
            ("127.0.0.1", "app.LOCALHOST.:80", 200), ("broker.local.", "broker.local", 200),
            ("broker.local", "broker.local.", 200), ("127.0.0.1", "127.0.0.1.", 200), ("::1", "127.0.0.1.", 403),
            ("kiosk", "\u{212A}iosk", 400),
            ("::", "anything", 200), ("0.0.0.0", "anything:1", 200),
        ]
    )
    func `answers to its host and to loopback`(host: String, field: String, status: Int) {
        #expect(check([("host", field)], host: host) == status)
    }

    @Test(
        arguments: [
            ("127.0.0.1", ["notify.example.org"], "notify.example.org", 200),
            ("127.0.0.1", ["notify.example.org"], "Notify.Example.ORG.:443", 200),
            ("127.0.0.1", ["notify.example.org"], "localhost:8080", 200),
            ("127.0.0.1", ["notify.example.org"], "example.org", 403),
            ("192.0.2.2", ["a.example", "192.0.2.3", "[fd00::1]"], "192.0.2.3", 200),
            ("192.0.2.2", ["a.example", "192.0.2.3", "[fd00::1]"], "[fd00::1]:1", 200),
            ("192.0.2.2", ["a.example", "192.0.2.3", "fd00::1"], "[fd00::1]", 200),
            ("192.0.2.2", ["a.example"], "192.0.2.2", 200),
            // Once it is told its names, a server for all addresses answers to no others.
            ("0.0.0.0", ["a.example"], "a.example", 200), ("0.0.0.0", ["a.example"], "b.example", 403),
            ("::", ["a.example"], "localhost", 200), ("::", ["a.example"], "0.0.0.0", 403),
        ]
    )
    func `answers to the hosts that it was given`(host: String, hosts: [String], field: String, status: Int) {
        #expect(check([("host", field)], host: host, hosts: hosts) == status)
    }

    @Test(
        arguments: [
            "a b.localhost", "evil.example/.localhost", "127.+1.+1.+1", "evil.example?.localhost", "a@localhost",
            "localhost:80:80", "localhost:8o", "[::1", "[::1].localhost", "[127.0.0.1]", "[::1%25lo]", ".localhost",
            "a..localhost", "%6cocalhost", "l\u{F6}calhost", "a,localhost", "localhost#", "localhost\\",
        ],
        ["127.0.0.1", "0.0.0.0"]
    )
    func `what is no host is 400`(field: String, host: String) {
        #expect(check([("host", field)], host: host) == 400)
    }

    @Test(arguments: ["\tlocalhost", "localhost\t", " \tlocalhost:1\t "])
    func `white space around a host is no part of it`(field: String) {
        #expect(check([("host", field), ("origin", "http://" + field.trimmed)]) == 200)
    }

    @Test(
        arguments: [
            (["cross-site"], nil, .GET, [], 403), (["cross-site"], "no-cors", .GET, [], 403),
            (["cross-site"], "navigate", .GET, [], 200), (["cross-site"], "navigate", .POST, [], 403),
            (["cross-site"], "navigate", .HEAD, [], 403), (["none", "cross-site"], nil, .GET, [], 403),
            (["same-origin"], nil, .POST, [], 200), (["same-site"], nil, .GET, [], 200), (["none"], nil, .GET, [], 200),
            ([], "no-cors", .GET, [], 200), (["cross-site"], "no-cors", .GET, ["*"], 200),
            // Which site it is, nobody says.
            (["cross-site"], "no-cors", .GET, ["https://example.org"], 403),
        ] as [([String], String?, HTTPMethod, [String], Int)]
    )
    func `a page of another site that hides its origin is refused`(
        sites: [String],
        mode: String?,
        method: HTTPMethod,
        origins: [String],
        status: Int
    ) {
        let fields = [("host", "localhost")] + sites.map { ("Sec-Fetch-Site", $0) }
        let modes = mode.map { [("Sec-Fetch-Mode", $0)] } ?? []
        #expect(check(fields + modes, origins: origins, method: method) == status)
    }

    @Test func `an origin that is given counts, whatever the site is called`() {
        let fields = [("host", "localhost"), ("sec-fetch-site", "cross-site"), ("origin", "https://example.org")]
        #expect(check(fields, origins: ["https://example.org"]) == 200)
        #expect(check(fields, origins: ["https://example.com"]) == 403)
    }

    @Test func `several origins are 400`() {
        let fields = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "https://example.org")]
        #expect(check(fields) == 400)
    }

    @Test(
        arguments: [
            ("https://example.org", ["https://example.org:443"], 200),
            ("http://example.org", ["http://example.org:80"], 200),
            ("https://example.org:80", ["https://example.org:80"], 200),
            ("https://example.org", ["HTTPS://Example.ORG"], 200),
            ("https://[fd00::1]:1", ["https://[FD00::1]:1"], 200),
            ("https://kiosk.example", ["https://Kiosk.example"], 200),
            ("https://\u{212A}iosk.example", ["https://kiosk.example"], 403),
            ("http://localhost", [], 403), ("http://localhost:1\u{301}", [], 403),
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
            ("[::1]", true), ("localhost.", true), ("a.localhost.", true), ("localhost..", false),
            (".localhost", false),
            ("127.+1.+1.+1", false), ("127.0.0.1 ", false), ("127..0.1", false), ("127.0.0.0.1", false),
            ("127.0.0.256", false), ("127.0.0", false), ("127.0.0.1.", false), ("127.0.0.-1", false),
            ("127.0.0.1.example.org", false), ("128.0.0.1", false), ("", false),
        ]
    )
    func `loopback is this machine alone`(host: String, isLoopback: Bool) {
        #expect(GatewayConfiguration.isLoopback(host) == isLoopback)
    }

    @Test(
        arguments: [
            ("http://*.example.org", "patterns"), ("null", "'*'"),
            ("https://example.org/", "such as https://example.org,"),
            ("HTTPS://Example.org:8443/a/b", "such as https://example.org:8443,"),
            ("example.org", "such as https://example.org,"), ("https://", "https://example.org"),
            ("ftp://example.org", "scheme"), ("https://user@example.org", "scheme"), ("https://example.org:", "scheme"),
            ("https://example.org:99999", "scheme"), ("https://b\u{FC}cher.example", "xn--"),
        ]
    )
    func `an origin that can never match is refused, and the right form named`(origin: String, words: String) {
        var configuration = GatewayConfiguration()
        configuration.allowedOrigins = ["https://a.org", origin]
        let error = #expect(throws: GatewayError.self) { try configuration.validate() }
        #expect(error?.message.contains("--allow-origin") == true)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["example.org:80", "*.example.org", ".example.org", "", "http://a.org", "[::1]:80", "a b", "[::1"])
    func `what is no host cannot be allowed`(host: String) {
        var configuration = GatewayConfiguration()
        configuration.allowedHosts = [host]
        let error = #expect(throws: GatewayError.self) { try configuration.validate() }
        #expect(error?.message.contains("--allow-host") == true)
    }

    @Test(arguments: ["example.org", "example.org.", "192.0.2.1", "fd00::1", "[fd00::1]", "my_service"])
    func `a host can be allowed`(host: String) throws {
        var configuration = GatewayConfiguration()
        configuration.allowedHosts = [host]
        try configuration.validate()
    }
}
