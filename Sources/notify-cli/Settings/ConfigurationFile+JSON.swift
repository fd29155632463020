import Foundation

extension ConfigurationFile {
    /// The keys of a JSON file.
    static func entries(ofJSON text: String, _ path: String) throws -> [Entry] {
        // Foundation judges what is JSON, but keeps neither lines nor keys that come twice.
        guard (try? JSONSerialization.jsonObject(with: Data(text.utf8))) is [String: Any] else {
            throw UsageError("The configuration file \(path) is no JSON object: write it like {\"url\": \"…\"}.")
        }
        var reader = JSONReader(text)
        return reader.object()
    }
}

/// Goes through text that is known to be JSON, and notes lines.
private struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func object() -> [ConfigurationFile.Entry] {
        var entries: [ConfigurationFile.Entry] = []
        skip("{")
        while peek == UInt8(ascii: "\"") {
            let line = line
            let key = string(in: skipValue()) ?? ""
            skip(":")
            entries.append(.init(key: key, value: value(), line: line))
            skip(",")
        }
        return entries
    }

    /// Nil where it is an object, null, or a list with anything but single values.
    private mutating func value() -> SettingValue? {
        guard peek == UInt8(ascii: "[") else { return text(in: skipValue()).map { .text($0) } }
        var texts: [String] = []
        var isUsable = true
        skip("[")
        while let next = peek, next != UInt8(ascii: "]") {
            if let text = text(in: skipValue()) { texts.append(text) } else { isUsable = false }
            skip(",")
        }
        skip("]")
        return isUsable ? .texts(texts) : nil
    }

    /// A number as it was written: what is too long for one is refused with what is asked for, not rounded.
    private func text(in range: Range<Int>) -> String? {
        switch range.isEmpty ? nil : bytes[range.lowerBound] {
        case UInt8(ascii: "\""): string(in: range)
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "n"), nil: nil
        default: String(decoding: bytes[range], as: UTF8.self)
        }
    }

    private func string(in range: Range<Int>) -> String? {
        try? JSONDecoder().decode(String.self, from: Data(bytes[range]))
    }

    /// The next byte that is no white space.
    private var peek: UInt8? {
        mutating get {
            while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { advance() }
            return position < bytes.count ? bytes[position] : nil
        }
    }

    private mutating func advance() {
        if bytes[position] == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }

    /// Skips the character if it comes next.
    private mutating func skip(_ character: Unicode.Scalar) {
        if peek == UInt8(ascii: character) { advance() }
    }

    /// Skips a value of any kind, and returns where it lies.
    private mutating func skipValue() -> Range<Int> {
        _ = peek
        let start = position
        var depth = 0
        var isInString = false
        while position < bytes.count {
            let byte = bytes[position]
            if isInString {
                if byte == UInt8(ascii: "\\") { advance() }
                isInString = byte != UInt8(ascii: "\"")
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return start..<position }
                    depth -= 1
                case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
                    if depth == 0 { return start..<position }
                default: break
                }
            }
            guard position < bytes.count else { break }
            advance()
        }
        return start..<position
    }
}
