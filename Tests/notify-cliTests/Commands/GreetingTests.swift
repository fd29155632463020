import Broker
import Testing

@testable import notify_cli

struct GreetingTests {
    private static func lines(of greeting: Greeting, host: String = "127.0.0.1") -> [String] {
        greeting.text(host: host, port: 80).split(separator: "\n").map(String.init)
    }

    @Test(arguments: [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("localhost", "localhost")])
    func `an address that can be opened`(host: String, name: String) {
        #expect(Self.lines(of: Greeting(database: "d"), host: host)[0] == "Notify listens on http://\(name):80")
    }

    @Test func `what is kept`() {
        #expect(Self.lines(of: Greeting(database: "d"))[1] == "Messages are kept in d. None is ever removed.")
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
