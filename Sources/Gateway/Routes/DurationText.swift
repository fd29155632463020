/// Durations as people write them: `500ms`, `30s`, `10m`, `2h`, `7d`.
public enum DurationText {
    /// Nil for anything else, and for more than 10 000 days.
    public static func parse(_ text: some StringProtocol) -> Duration? {
        let units: [(String, Int64)] = [
            ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
        ]
        guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(unit.utf8.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int64(digits)
        else { return nil }
        let (milliseconds, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow || milliseconds > 864_000_000_000 ? nil : .milliseconds(milliseconds)
    }
}
