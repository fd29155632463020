/// What a client would like to get (`Accept`, RFC 9110 §12.5.1).
struct AcceptField {
    private let ranges: [(type: Substring, quality: Int)]

    /// - Parameter fields: All of that name: a list may be split over several.
    init(_ fields: [String]) {
        ranges = fields.flatMap { field in
            field.utf8.split(separator: UInt8(ascii: ",")).map { Self.range(Substring($0)) }
        }
    }

    /// How much a media type is liked, in thousandths: by the range that fits it most closely. Without the field, all are
    /// liked alike.
    ///
    /// - Parameter type: In lower case, such as `text/plain`.
    func quality(of type: String) -> Int {
        guard !ranges.isEmpty else { return 1000 }
        let major = type.utf8.prefix { $0 != UInt8(ascii: "/") }
        for candidate in [type, String(decoding: major, as: UTF8.self) + "/*", "*/*"] {
            if let range = ranges.first(where: { $0.type.utf8.isEqual(ignoringCase: candidate.utf8) }) {
                return range.quality
            }
        }
        return 0
    }

    private static func range(_ text: Substring) -> (type: Substring, quality: Int) {
        let parts = text.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        var quality = 1000
        for part in parts.dropFirst() {
            let parameter = Substring(part).trimmed
            guard parameter.utf8.prefix(2).isEqual(ignoringCase: "q=".utf8) else { continue }
            // A malformed weight counts as 1.
            quality = Double(parameter.dropFirst(2)).map { Int(max(0, min($0, 1)) * 1000) } ?? 1000
        }
        return (Substring(parts[0]).trimmed, quality)
    }
}
