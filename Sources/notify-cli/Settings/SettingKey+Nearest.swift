extension SettingKey {
    /// The key that somebody may have meant who wrote this one; nil where none is near.
    ///
    /// Spellings of other places count as the same: `max_connections`, `maxConnections`, `NOTIFY_MAX_CONNECTIONS` and
    /// `--max-connections`.
    static func nearest(to text: String) -> SettingKey? {
        let wanted = spelling(of: text)
        // A longer text is no key that somebody mistyped.
        guard (1...60).contains(wanted.count) else { return nil }
        let found = all.map { key in (key, distance(wanted, Array(key.name.utf8))) }
            .min { ($0.1, $0.0.name) < ($1.1, $1.0.name) }
        guard let (key, distance) = found, distance <= max(1, wanted.count / 3) else { return nil }
        return key
    }

    private static func spelling(of text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var followsSmallLetter = false
        for byte in text.utf8.prefix(100) {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                if followsSmallLetter { bytes.append(UInt8(ascii: "-")) }
                bytes.append(byte + 0x20)
            case UInt8(ascii: "_"), UInt8(ascii: " "): bytes.append(UInt8(ascii: "-"))
            default: bytes.append(byte)
            }
            followsSmallLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        }
        let name = bytes.drop { $0 == UInt8(ascii: "-") }
        let prefix = Array("notify-".utf8)
        return Array(name.starts(with: prefix) ? name.dropFirst(prefix.count) : name)
    }

    /// How many bytes one has to add, leave out, change or swap with their neighbour to make one text of the other (optimal
    /// string alignment).
    private static func distance(_ from: [UInt8], _ to: [UInt8]) -> Int {
        var (before, last) = ([Int](), Array(0...to.count))
        for (row, byte) in from.enumerated() {
            var next = [row + 1]
            for (column, other) in to.enumerated() {
                var best = min(last[column + 1] + 1, next[column] + 1, last[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == to[column - 1], other == from[row - 1] {
                    best = min(best, before[column - 1] + 1)
                }
                next.append(best)
            }
            (before, last) = (last, next)
        }
        return last[to.count]
    }
}
