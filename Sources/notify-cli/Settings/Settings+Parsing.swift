extension Settings {
    static func phrase(for bounds: ClosedRange<Int>) -> String {
        bounds.upperBound == .max
            ? "use a whole number from \(bounds.lowerBound)"
            : "use a whole number from \(bounds.lowerBound) to \(bounds.upperBound)"
    }

    static func phrase(forBytes bounds: ClosedRange<Int>) -> String {
        switch (bounds.lowerBound, bounds.upperBound) {
        case (0, .max): ""
        case (_, .max): ", at least \(bounds.lowerBound)"
        default: ", from \(bounds.lowerBound) to \(bounds.upperBound)"
        }
    }

    static let durationAdvice = "use a duration such as 500ms, 30s, 10m, 2h or 7d, up to 36500d"

    static func duration(_ text: String) -> Duration? {
        milliseconds(text).map { .milliseconds($0) }
    }

    static func milliseconds(_ text: String) -> Int? {
        number(text, units: [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)])
            .flatMap { $0 <= longestDuration ? $0 : nil }
    }

    /// A hundred years, in milliseconds. What is added to a clock's time later, in nanoseconds too, must not overflow.
    private static let longestDuration = 36_500 * 86_400_000

    static func bytes(_ text: String) -> Int? {
        number(text, units: [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1), ("", 1)])
    }

    /// Digits and one of the units; nil also where the product overflows.
    private static func number(_ text: String, units: [(suffix: String, factor: Int)]) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard let number = Int(digits), let unit = units.first(where: { $0.suffix == suffix }) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        return overflow ? nil : product
    }
}
