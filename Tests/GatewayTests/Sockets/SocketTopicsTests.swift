import Broker
import Testing

@testable import Gateway

/// What the subscriptions of a WebSocket follow, without a socket.
struct SocketTopicsTests {
    private static func topics(_ groups: [String], _ patterns: [String] = []) throws -> [Topic] {
        try groups.map { .group(try GroupName($0)) } + patterns.map { .pattern(try ChannelPattern(group: $0)) }
    }

    private static func asked(_ groups: [String], _ patterns: [String] = []) throws -> SocketTopics.Asked {
        SocketTopics.Asked(try topics(groups, patterns))
    }

    @Test func `what two would share is found, whichever of them has the pattern`() throws {
        var topics = SocketTopics()
        topics.add(try Self.asked(["a", "b"], ["orders.*"]), of: "one")
        topics.add(try Self.asked(["c"], ["*.log"]), of: "two")
        for (groups, patterns, topic, subscription) in [
            (["b"], [], "b", "one"), (["orders.7"], [], "orders.*", "one"), ([], ["*.7"], "orders.*", "one"),
            ([], ["[bc]"], nil, nil), (["x.log"], [], "*.log", "two"), (["d"], ["news.?"], nil, nil),
        ] as [([String], [String], String?, String?)] {
            let overlap = topics.overlap(with: try Self.asked(groups, patterns))
            if patterns == ["[bc]"] {
                #expect(overlap != nil)
            } else {
                #expect(overlap?.topic.description == topic && overlap?.subscription == subscription)
            }
        }
        topics.remove(try Self.topics(["a", "b"], ["orders.*"]), of: "one")
        #expect(topics.patternCount == 1)
        #expect(topics.overlap(with: try Self.asked(["a", "orders.7"], ["orders.?"])) == nil)
        #expect(topics.overlap(with: try Self.asked(["c"])) != nil)
    }

    @Test func `comparisons are those with patterns`() throws {
        var topics = SocketTopics()
        topics.add(try Self.asked((0..<50).map { "g\($0)" }, ["p*", "q*"]), of: "one")
        #expect(topics.comparisons(with: try Self.asked((0..<100).map { "h\($0)" })) == 200)
        #expect(topics.comparisons(with: try Self.asked(["h"], ["r*"])) == 54)
    }

    /// The worst that a client can ask for: long patterns whose beginnings and ends fit together, and that have no name in
    /// common. It was a second for each frame.
    @Test func `the longest comparison is short`() throws {
        var topics = SocketTopics()
        func pattern(_ letter: String, _ number: Int) -> String {
            "*\(number)" + String(repeating: letter, count: 60) + "*"
        }
        topics.add(try Self.asked([], (0..<20).map { pattern("a", $0) }), of: "one")
        let asked = try Self.asked([], (0..<10).map { pattern("b", $0) })
        var overlap: SocketTopics.Overlap?
        let time = ContinuousClock().measure { overlap = topics.overlap(with: asked) }
        #expect(overlap == nil)
        // A millisecond or two where it is optimized.
        #expect(time < .seconds(5))
    }
}
