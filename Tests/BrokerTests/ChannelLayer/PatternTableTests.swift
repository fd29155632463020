import Testing

@testable import Broker

struct PatternTableTests {
    private static let patterns: [ChannelPattern] = [
        "*", "a*", "a.*", "a.?", "[ab].*", "user-1.*", "user-12.*", "exact", "a.b.*.c", "?", "user-*.mail",
    ]
    private static let names = [
        "a", "b", "a.", "a.b", "a.bc", "b.x", "user-1.x", "user-12.x", "user-12.mail", "exact", "exactly", "a.b.x.c",
    ]

    private static func matching(_ table: inout PatternTable<String>, _ name: String) -> [String] {
        var found: [String] = []
        table.forEach(matching: .named(name)) { found.append($0) }
        return found.sorted()
    }

    @Test func `a name finds the patterns that match it, and no others`() {
        var table = PatternTable<String>()
        for pattern in Self.patterns { table[pattern] = pattern.description }
        #expect(table.count == Self.patterns.count)
        for name in Self.names {
            let expected = Self.patterns.filter { $0.matches(GroupName.named(name)) }.map(\.description).sorted()
            #expect(Self.matching(&table, name) == expected, "\(name)")
        }
        // In another order than they came.
        for (index, pattern) in Self.patterns.enumerated() where index % 2 == 0 { table[pattern] = nil }
        for name in Self.names {
            let expected = Self.patterns.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
                .filter { $0.matches(GroupName.named(name)) }.map(\.description).sorted()
            #expect(Self.matching(&table, name) == expected, "\(name)")
        }
        for pattern in Self.patterns { table[pattern] = nil }
        #expect(table.isEmpty && table.values.isEmpty)
        #expect(Self.matching(&table, "a.b").isEmpty)
    }

    @Test func `what a name found before counts until the patterns change`() {
        var table = PatternTable<String>()
        table["a*"] = "1"
        #expect(Self.matching(&table, "ab") == ["1"])
        table["a*"] = "2"
        #expect(Self.matching(&table, "ab") == ["2"])
        table["*b"] = "3"
        #expect(Self.matching(&table, "ab") == ["2", "3"])
        table["a*"] = nil
        table["none*"] = nil
        #expect(Self.matching(&table, "ab") == ["3"] && table.count == 1)
        // More names than are remembered.
        for number in 0..<25_000 { #expect(Self.matching(&table, "\(number)b") == ["3"]) }
    }

    @Test func `a pattern without some groups is another, and matches all the others`() {
        let room = GroupName.named("chat.room")
        let whole: ChannelPattern = "chat.*"
        let pattern = whole.excluding([room])
        #expect(pattern != whole && pattern == whole.excluding([room]))
        #expect(!pattern.matches(room) && pattern.matches(GroupName.named("chat.lobby")))
        #expect(whole.matches(room))
        #expect(pattern.covers(whole) && whole.covers(pattern))
        var table = PatternTable<Int>()
        table[whole] = 1
        table[pattern] = 2
        #expect(table[whole] == 1 && table[pattern] == 2 && table.count == 2)
    }
}
