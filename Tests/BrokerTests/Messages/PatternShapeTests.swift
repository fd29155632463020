import Testing

@testable import Broker

/// Patterns that are taken apart to be compared with many names and patterns.
struct PatternShapeTests {
    private static let parts = ["a", "b", "c-d", "*", "?", "[ab]", "[!a]", "[x-z]", "9", "_", "Z"]

    private static func pattern(_ parts: Int, _ random: inout SystemRandomNumberGenerator) throws -> ChannelPattern {
        let texts = (0..<parts).map { _ in Self.parts.randomElement(using: &random) ?? "a" }
        return try ChannelPattern(group: String(texts.joined().prefix(100)))
    }

    @Test func `a name matches the shape where it matches the pattern`() throws {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("abcdxyzZ9_-.")
        for _ in 0..<2000 {
            guard let pattern = try? Self.pattern(Int.random(in: 1...8, using: &random), &random) else { continue }
            let shape = PatternShape(pattern)
            for _ in 0..<20 {
                let length = Int.random(in: 1...9, using: &random)
                let text = String((0..<length).map { _ in alphabet.randomElement(using: &random) ?? "a" })
                guard let name = try? GroupName(text) else { continue }
                #expect(shape.matches(name) == pattern.matches(name), "\(pattern) \(name)")
                #expect(shape.compact.matches(name) == pattern.matches(name), "\(pattern) \(name)")
            }
        }
    }

    @Test func `the longest patterns and names have room`() throws {
        let name = try GroupName(String(repeating: "a", count: 100))
        for (text, matches) in [
            (String(repeating: "a", count: 100), true), (String(repeating: "?", count: 100), true),
            ("*" + String(repeating: "a", count: 99), true), (String(repeating: "*", count: 100), true),
            (String(repeating: "a", count: 99) + "*", true), (String(repeating: "*a", count: 50), true),
            (String(repeating: "a", count: 99) + "b", false), (String(repeating: "*a", count: 49) + "*b", false),
        ] {
            let shape = PatternShape(try ChannelPattern(group: text))
            #expect(shape.matches(name) == matches, "\(text)")
            #expect(shape.overlaps(shape), "\(text)")
        }
        // No name is so long.
        #expect(!PatternShape(ChannelPattern(String(repeating: "a", count: 300))).overlaps(PatternShape("*")))
    }

    @Test func `a set without a byte of names matches nothing`() {
        let none = PatternShape("a[z-a]*")
        #expect(!none.overlaps(PatternShape("*")) && !PatternShape("*").overlaps(none))
    }

    @Test func `excluded groups do not match`() throws {
        let pattern = try ChannelPattern(group: "a*").excluding([GroupName("ab")])
        #expect(try !PatternShape(pattern).matches(GroupName("ab")))
        #expect(try PatternShape(pattern).matches(GroupName("ac")))
    }

    /// Against the lengths of all texts that two patterns of letters and gaps have in common.
    @Test func `the length of names decides where beginnings and ends do not`() throws {
        func letters(_ count: Int, _ letter: String) -> String { String(repeating: letter, count: count) }
        for (one, other, overlap) in [
            (letters(60, "a") + "*", "*" + letters(40, "b"), true),
            (letters(60, "a") + "*", "*" + letters(41, "b"), false),
            ("*" + letters(50, "a") + "*", "*" + letters(50, "b") + "*", true),
            ("*" + letters(51, "a") + "*", "*" + letters(50, "b") + "*", false),
            // What overlaps in the middle is shorter.
            ("*" + letters(60, "a") + "*", "*" + letters(90, "a") + "*", true),
            ("*" + letters(60, "a") + "b*", "*b" + letters(60, "a") + "*", true),
            ("*" + letters(60, "a") + "b*", "*" + letters(30, "a") + "b" + letters(39, "c") + "*", true),
            ("*" + letters(60, "a") + "b*", "*" + letters(30, "a") + "b" + letters(40, "c") + "*", false),
        ] {
            let (one, other) = (
                PatternShape(try ChannelPattern(group: one)), PatternShape(try ChannelPattern(group: other))
            )
            #expect(one.overlaps(other) == overlap, "\(one.pattern) \(other.pattern)")
            #expect(other.overlaps(one) == overlap, "\(one.pattern) \(other.pattern)")
        }
    }
}
