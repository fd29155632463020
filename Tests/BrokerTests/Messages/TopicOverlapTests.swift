import Broker
import Testing

/// Whether two topics have a group in common.
struct TopicOverlapTests {
    @Test(
        arguments: [
            ("a*", "*b", true), ("a*", "b*", false), ("a*", "a", true), ("a?", "a*", true), ("a?", "a", false),
            ("[a-f]x", "[e-k]x", true), ("[a-d]x", "[e-k]x", false), ("[!a]", "a", false), ("[!a]", "[!b]", true),
            ("*", "*", true), ("orders.*.new", "orders.eu.*", true), ("orders.*.new", "orders.eu.old", false),
            ("*a*b*", "*b*a*", true), ("a*a", "aa", true), ("a*a", "a", false), ("??", "???", false),
            ("*?", "??", true),
            ("x*y", "x*z", false), ("*-1", "log-?", true), ("a", "a", true), ("a", "b", false),
            ("[ab][cd]", "[bc][de]", true),
        ]
    )
    func `two patterns`(one: String, other: String, overlap: Bool) throws {
        let (one, other) = (try ChannelPattern(group: one), try ChannelPattern(group: other))
        #expect(one.overlaps(other) == overlap)
        #expect(other.overlaps(one) == overlap)
    }

    @Test func `no name is longer than a name may be`() throws {
        let half = String(repeating: "a", count: 60)
        let (one, other) = (
            try ChannelPattern(group: half + "*"), try ChannelPattern(group: "*" + String(repeating: "b", count: 60))
        )
        #expect(!one.overlaps(other))
        #expect(try one.overlaps(ChannelPattern(group: "*" + String(repeating: "b", count: 40))))
    }

    @Test func `a group overlaps itself, and the patterns that match it`() throws {
        let (group, other) = (Topic.group(try GroupName("orders.eu")), Topic.group(try GroupName("orders.us")))
        #expect(group.overlaps(group) && !group.overlaps(other))
        #expect(try group.overlaps(.pattern(ChannelPattern(group: "orders.*"))))
        #expect(try !Topic.pattern(ChannelPattern(group: "news.*")).overlaps(group))
    }

    /// Against trying every name of a small alphabet.
    @Test func `many patterns, by trial`() throws {
        let parts = ["a", "b", "*", "?", "[ab]", "[!a]"]
        let names = try (1...4).flatMap { length in
            (0..<(1 << (2 * length))).map { number in
                String((0..<length).map { Array("abcd")[number >> (2 * $0) & 3] })
            }
        }.map { try GroupName($0) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            func pattern() throws -> ChannelPattern {
                try ChannelPattern(
                    group: (0..<Int.random(in: 1...3, using: &random)).map { _ in parts.randomElement() ?? "a" }
                        .joined()
                )
            }
            let (one, other) = (try pattern(), try pattern())
            let expected = names.contains { one.matches($0) && other.matches($0) }
            #expect(one.overlaps(other) == expected, "\(one) \(other)")
        }
    }
}
