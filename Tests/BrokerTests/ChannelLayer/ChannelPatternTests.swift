import Testing

@testable import Broker

struct ChannelPatternTests {
    /// Fault 5 of Channels' layer: patterns make it crash (channels_redis #73).
    @Test(arguments: [
        ("http.request", ["http.request"], ["http.requests", "xhttp.request", "httpXrequest"]),
        ("websocket.send!*", ["websocket.send!abc"], ["websocket.send", "websocket.sendX", "a.websocket.send!abc"]),
        ("*", ["a", "a!b", "websocket.send!abc"], []),
        ("", [], ["a"]),
        ("a*", ["a", "ab", "abc"], ["ba"]),
        ("*a", ["a", "ba", "aba"], ["ab"]),
        ("*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a", "b"]),
        ("a**b", ["ab", "axb"], ["a"]),
        ("a?c", ["abc", "a!c"], ["ac", "abbc"]),
        ("a[bc]d", ["abd", "acd"], ["aed", "ad", "abcd"]),
        ("a[0-9]*", ["a1", "a9b"], ["ab"]),
        ("a[!0-9]", ["ab", "a-"], ["a5", "abc", "a"]),
        ("a[-.]b", ["a-b", "a.b"], ["acb"]),
        ("a[9-0]b", [], ["a5b", "a9b"]),
        ("a[]-]b", ["a-b"], ["a.b"]),
        ("[a-z]!*", ["x!y"], ["X!y"]),
        ("a[b", [], ["ab", "a"]),
        ("Http", ["Http"], ["http"]),
        ("specific.*!*", ["specific.client!random"], ["specific.client"]),
    ])
    func aPatternMatchesTheWholeName(pattern: String, matching: [String], others: [String]) throws {
        let pattern = ChannelPattern(pattern)
        for name in matching {
            #expect(pattern.matches(try ChannelName(name)), "\(pattern) should match \(name)")
        }
        for name in others {
            #expect(!pattern.matches(try ChannelName(name)), "\(pattern) should not match \(name)")
        }
    }

    @Test func noPatternTakesExponentialTime() throws {
        let pattern = ChannelPattern(String(repeating: "a*", count: 50) + "b")
        let name = try ChannelName(String(repeating: "a", count: 100))
        for _ in 0..<1000 { #expect(!pattern.matches(name)) }
    }
}
