/// Quantities for people.
extension Int {
    /// A number of bytes, such as `1.5 MiB`.
    var sizeText: String {
        guard self >= 1024 else { return self == 1 ? "1 byte" : "\(self) bytes" }
        var unit = 1024
        var names = ["KiB", "MiB", "GiB", "TiB"][...]
        while self >= 1024 * unit, names.count > 1 {
            unit *= 1024
            names.removeFirst()
        }
        // Rounded down, so that a full GiB is one and what is less is not.
        let tenths = self / unit * 10 + self % unit * 10 / unit
        let fraction = tenths % 10 == 0 ? "" : ".\(tenths % 10)"
        return "\(tenths / 10)\(fraction) \(names.first ?? "")"
    }

    /// A number and what it counts, such as `1 message`.
    func text(_ singular: String, _ plural: String) -> String {
        "\(self) \(self == 1 ? singular : plural)"
    }
}

extension Duration {
    /// As an option would say it, such as `7d`: in the largest unit of which it is a whole number.
    var shortText: String {
        let (seconds, attoseconds) = components
        guard attoseconds == 0 else { return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms" }
        for (unit, name) in [(86_400, "d"), (3600, "h"), (60, "m")] as [(Int64, String)] where seconds % unit == 0 {
            return "\(seconds / unit)\(name)"
        }
        return "\(seconds)s"
    }
}
