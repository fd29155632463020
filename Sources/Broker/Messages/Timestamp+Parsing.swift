extension Timestamp {
    /// Reads an RFC 3339 date-time (§5.6), in any offset. Nil for anything else, such as a day that no calendar has.
    ///
    /// What is finer than a millisecond is cut off. A leap second (`:60`) is the second after it, as there is none in the
    /// clock that times are taken from.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20,
            let year = Self.number(bytes[0..<4]), bytes[4] == UInt8(ascii: "-"),
            let month = Self.number(bytes[5..<7]), bytes[7] == UInt8(ascii: "-"),
            let day = Self.number(bytes[8..<10]), [UInt8(ascii: "T"), UInt8(ascii: "t")].contains(bytes[10]),
            let hour = Self.number(bytes[11..<13]), hour < 24, bytes[13] == UInt8(ascii: ":"),
            let minute = Self.number(bytes[14..<16]), minute < 60, bytes[16] == UInt8(ascii: ":"),
            let second = Self.number(bytes[17..<19]), second <= 60,
            (1...12).contains(month), (1...Self.days(inMonth: month, of: year)).contains(day),
            let (fraction, rest) = Self.fraction(bytes[19...]), let offset = Self.offset(rest)
        else { return nil }
        let minutes = (Self.days(until: year, month, day) * 24 + hour) * 60 + minute - offset
        self.init(milliseconds: (minutes * 60 + second) * 1000 + fraction)
    }

    /// Digits alone; nil for all else.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var number: Int64 = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// The milliseconds of a fraction of a second, if there is one, and what comes after it.
    private static func fraction(_ bytes: ArraySlice<UInt8>) -> (milliseconds: Int64, rest: ArraySlice<UInt8>)? {
        guard bytes.first == UInt8(ascii: ".") else { return (0, bytes) }
        let digits = bytes.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty, var milliseconds = number(digits.prefix(3)) else { return nil }
        for _ in 0..<(3 - min(3, digits.count)) { milliseconds *= 10 }
        return (milliseconds, bytes[digits.endIndex...])
    }

    /// In minutes: `Z`, or `+01:00`.
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        let bytes = Array(bytes)
        if bytes.count == 1 { return [UInt8(ascii: "Z"), UInt8(ascii: "z")].contains(bytes[0]) ? 0 : nil }
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"),
            let hours = number(bytes[1..<3]), hours < 24, let minutes = number(bytes[4..<6]), minutes < 60
        else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "+"): return hours * 60 + minutes
        case UInt8(ascii: "-"): return -(hours * 60 + minutes)
        default: return nil
        }
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a day of the calendar, counted in years that begin in March, so that a leap day is the last
    /// of its year.
    private static func days(until year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // The year before 0000 begins in March of -1: 400 years more keep every division positive.
        let marchYear = (month > 2 ? year : year - 1) + 400
        let marchMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        let days = marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear
        return days - 719_468 - 146_097
    }
}
