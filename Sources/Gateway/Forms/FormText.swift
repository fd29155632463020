/// `application/x-www-form-urlencoded` (WHATWG URL §5.1), of queries and of bodies.
enum FormText {
    struct Malformed: Error {}

    /// A form may have so many fields: a small body must not make a large table.
    static let maximumFields = 1000

    /// The fields in their order.
    ///
    /// - Throws: ``Malformed`` where a percent escape is broken or what it gives is not UTF-8, and for more fields than
    ///   ``maximumFields``.
    static func fields(of text: some StringProtocol) throws(Malformed) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        do {
            try forEachField(of: text.utf8) { name, value in
                guard fields.count < maximumFields else { throw Malformed() }
                fields.append((name, value))
            }
        } catch {
            throw Malformed()
        }
        return fields
    }

    /// Calls `take` for each field in order, as it is met: who throws at one that is not wanted spares the rest.
    ///
    /// - Throws: ``Malformed``, and what `take` throws.
    static func forEachField(
        of bytes: some Collection<UInt8>,
        _ take: (String, String) throws -> Void
    ) throws {
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "&")) ?? bytes.endIndex
            if start < end {
                let part = bytes[start..<end]
                let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = decoded(halves[0], plusIsSpace: true),
                    let value = halves.count == 2 ? decoded(halves[1], plusIsSpace: true) : ""
                else { throw Malformed() }
                try take(name, value)
            }
            start = end < bytes.endIndex ? bytes.index(after: end) : end
        }
    }

    /// A path segment's text; nil where an escape is broken or the result is not UTF-8.
    static func percentDecoded(_ text: some StringProtocol) -> String? {
        decoded(text.utf8, plusIsSpace: false)
    }

    private static func decoded(_ bytes: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
                    return nil
                }
                result.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace:
                result.append(UInt8(ascii: " "))
            default:
                result.append(byte)
            }
        }
        return String(validating: result, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
