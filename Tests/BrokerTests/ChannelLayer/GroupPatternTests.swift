import Broker
import Testing

struct GroupPatternTests {
    @Test(
        arguments: [
            "orders", "orders.*", "*", "a?c", "[a-z]*", "[!a]b", "[a-]", "[.]x", "a[0-9_-]",
            String(repeating: "a", count: 100),
        ]
    )
    func `these are patterns for groups`(text: String) throws {
        #expect(try ChannelPattern(group: text).description == text)
    }

    @Test(
        arguments: [
            "", ".", "..", "a b", "a/b", "ü", "a\n", "[", "[]", "[!]", "a]", "[a", "[z-a]", "a!", "[a b]", "{x}", "[é]",
            String(repeating: "a", count: 101),
        ]
    )
    func `these are none`(text: String) {
        let error = #expect(throws: BrokerError.self) { try ChannelPattern(group: text) }
        #expect(error?.code == .invalidName)
        #expect(error?.message.contains("orders.*") == true)
    }

    @Test(
        arguments: [
            ("*", "*", true), ("*", "a.*", true), ("a.*", "a.*", true), ("a.*", "a.b.*", true), ("a.*", "a.?", true),
            ("a.*", "a.b", true), ("a.*", "a.[x-z]", true), ("a.*", "a*", false), ("a.*", "*", false),
            ("a.?", "a.b", true),
            ("a.?", "a.?", true), ("a.?", "a.[bc]", false), ("a*b", "a*b", true), ("a*b", "axb*", false),
            ("a", "a", true), ("a", "a*", false), ("**", "a*", false), ("[ab]*", "a*", false),
        ]
    )
    func `covering is plain to see`(one: ChannelPattern, other: String, expected: Bool) throws {
        let topic: Topic =
            try (try? GroupName(other)).map { .group($0) } ?? .pattern(ChannelPattern(group: other))
        #expect(one.covers(topic) == expected)
    }

    @Test(arguments: [("a.*", "a."), ("*", ""), ("a?b", "a"), ("x[ab]", "x")])
    func `names begin with the literal prefix`(pattern: ChannelPattern, prefix: String) {
        #expect(pattern.literalPrefix.map(String.init) == prefix)
    }

    @Test func `a plain name has no prefix`() {
        #expect(ChannelPattern("abc").literalPrefix == nil)
    }
}
