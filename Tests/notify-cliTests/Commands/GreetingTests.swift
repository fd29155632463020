import Broker
import Testing

@testable import notify_cli

struct GreetingTests {
    private static func lines(of greeting: Greeting, host: String = "127.0.0.1") -> [String] {
        greeting.text(ServedAddresses(host: host, port: 80)).split(separator: "\n").map(String.init)
    }

    @Test(arguments: [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("localhost", "localhost")])
    func `an address that can be opened`(host: String, name: String) {
        #expect(Self.lines(of: Greeting(database: "d"), host: host)[0] == "Notify listens on http://\(name):80")
    }

    @Test func `a server for all addresses says so`() {
        #expect(Self.lines(of: Greeting(database: "d"), host: "0.0.0.0")[1].contains("all other addresses"))
    }

    @Test func `an encrypted port, a socket and a port for figures`() {
        let served = ServedAddresses(
            host: "127.0.0.1",
            port: 80,
            isSecure: true,
            unixSocket: "/run/notify",
            operationsPort: 90
        )
        let lines = Greeting(database: "d").text(served).split(separator: "\n").map(String.init)
        #expect(
            lines.prefix(3) == [
                "Notify listens on https://127.0.0.1:80", "and on the socket /run/notify",
                "with /metrics, /healthz and /readyz on http://127.0.0.1:90 as well",
            ]
        )
        #expect(lines.contains { $0.hasSuffix("curl -N https://127.0.0.1:80/groups/my-group/events") })
    }

    @Test func `a socket alone`() {
        let served = ServedAddresses(host: "127.0.0.1", port: nil, unixSocket: "/run/notify")
        let lines = Greeting(database: "d").text(served).split(separator: "\n").map(String.init)
        #expect(lines[0] == "Notify listens on the socket /run/notify")
        #expect(
            lines.contains { $0.hasSuffix("curl --unix-socket /run/notify -N http://localhost/groups/my-group/events") }
        )
    }

    @Test func `what is kept`() {
        #expect(Self.lines(of: Greeting(database: "d"))[1] == "Messages are kept in d. None is ever removed.")
        let withKeys = Self.lines(of: Greeting(database: "d", hasKeys: true))
        #expect(withKeys.filter { $0.contains("Authorization: Bearer $NOTIFY_TOKEN") }.count == 2)
        #expect(
            Self.lines(of: Greeting(database: "d", durability: .normal))[1]
                == "Messages are kept in d. The newest may be gone after a power failure. None is ever removed."
        )
        #expect(
            Self.lines(of: Greeting(database: ":memory:", durability: .normal))[1]
                == "Messages are kept in memory and are gone when the server stops."
        )
    }

    @Test func `rules are said as they count`() {
        let policy = RetentionPolicy(rules: [.init(groups: "logs.*", limits: .init(age: .seconds(60), messages: 5))])
        #expect(
            Self.lines(of: Greeting(database: "d", retention: policy))[1...4] == [
                "Messages are kept in d.", "What is kept of a group, by the first pattern that matches its name:",
                "    logs.*: the last 1m, the newest 5 messages", "    any other: all",
            ]
        )
    }
}
