import Gateway
import Testing

struct DurationTextTests {
    @Test(
        arguments: [
            ("500ms", .milliseconds(500)), ("30s", .seconds(30)), ("10m", .seconds(600)), ("2h", .seconds(7200)),
            ("7d", .seconds(604_800)), ("0s", .zero), ("007s", .seconds(7)), ("10000d", .seconds(864_000_000)),
        ] as [(String, Duration)]
    )
    func `reads durations`(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        arguments: [
            "", "s", "ms", "10", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5h", "1h30m", "10S", "10w", "١s", "10001d",
            "9223372036854775807d", "99999999999999999999s", "10s\n",
        ]
    )
    func `reads nothing else`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }
}
