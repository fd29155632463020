import Testing

@testable import notify_cli

struct QuantitiesTests {
    @Test(arguments: [
        (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"),
        (1_048_575, "1023.9 KiB"),
        (1 << 20, "1 MiB"), (5 << 30, "5 GiB"), (3 << 40, "3 TiB"), (Int.max, "8388607.9 TiB"),
    ])
    func sizes(bytes: Int, text: String) {
        #expect(bytes.sizeText == text)
    }

    @Test(
        arguments: [
            (.seconds(604_800), "7d"), (.seconds(3600), "1h"), (.seconds(90), "90s"), (.seconds(120), "2m"),
            (.milliseconds(500), "500ms"), (.milliseconds(1500), "1500ms"),
        ] as [(Duration, String)]
    )
    func durations(duration: Duration, text: String) {
        #expect(duration.shortText == text)
    }
}
