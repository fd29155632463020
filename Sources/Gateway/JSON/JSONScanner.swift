import NIOCore

/// Walks through JSON (RFC 8259) and gives values out as they were written.
struct JSONScanner {
    enum Failure: Error {
        /// What was expected where the text went wrong.
        case syntax(String)
        case problem(Problem)
    }

    /// Deeper nesting is refused: a bound on what a small body can make the receivers' parsers do.
    static let maximumDepth = 512

    /// A copy: going through a buffer's view costs ten times as much a byte.
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: ByteBufferView) {
        self.bytes = Array(bytes)
    }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// How many bytes have been read.
    var offset: Int { index }
    var peek: UInt8? { index < bytes.endIndex ? bytes[index] : nil }

    mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    mutating func end() throws(Failure) {
        skipSpace()
        guard peek == nil else { throw .syntax("expected the end") }
    }

    private mutating func expect(_ character: Character, _ what: String) throws(Failure) {
        guard let byte = character.asciiValue, peek == byte else { throw .syntax("expected \(what)") }
        index += 1
    }

    /// Reads an object and calls `member` for each key, at the first byte of its value.
    mutating func object(
        _ member: (String, inout JSONScanner) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{", "'{'")
        skipSpace()
        if peek == UInt8(ascii: "}") {
            index += 1
            return
        }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw .syntax("expected a key") }
            let key = try string()
            skipSpace()
            try expect(":", "':'")
            skipSpace()
            try member(key, &self)
            skipSpace()
            if peek == UInt8(ascii: "}") {
                index += 1
                return
            }
            try expect(",", "',' or '}'")
        }
    }

    /// Reads an array and calls `element` at the first byte of each of its values.
    mutating func array(_ element: (inout JSONScanner) throws(Failure) -> Void) throws(Failure) {
        try expect("[", "'['")
        skipSpace()
        if peek == UInt8(ascii: "]") {
            index += 1
            return
        }
        while true {
            skipSpace()
            try element(&self)
            skipSpace()
            if peek == UInt8(ascii: "]") {
                index += 1
                return
            }
            try expect(",", "',' or ']'")
        }
    }

    /// A string's text, its escapes resolved.
    mutating func string() throws(Failure) -> String {
        try expect("\"", "'\"'")
        var text: [UInt8] = []
        while true {
            let start = index
            while index < bytes.count, Self.standsForItself(bytes[index]) { index += 1 }
            text.append(contentsOf: bytes[start..<index])
            guard let byte = peek else { break }
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw .syntax("the string before here is not UTF-8,")
                }
                return string
            case UInt8(ascii: "\\"):
                text.append(contentsOf: Unicode.UTF8.encode(try escape()) ?? Unicode.UTF8.encodedReplacementCharacter)
            default:
                index -= 1
                throw .syntax("a control character must be escaped")
            }
        }
        throw .syntax("expected the end of the string")
    }

    /// Whether a byte of a string is neither its end, nor an escape, nor a control character.
    private static func standsForItself(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard let byte = peek else { throw .syntax("expected an escape") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try codeUnit()
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // A surrogate: it counts only as the first half of a pair.
            guard unit < 0xDC00, peek == UInt8(ascii: "\\") else { throw .syntax("a surrogate must come in a pair") }
            index += 1
            try expect("u", "the second half of a surrogate pair")
            let low = try codeUnit()
            guard (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
            else { throw .syntax("a surrogate must come in a pair") }
            return scalar
        default:
            index -= 1
            throw .syntax("unknown escape")
        }
    }

    private mutating func codeUnit() throws(Failure) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = peek.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
                throw .syntax("expected four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            index += 1
        }
        return unit
    }

    /// A value of any kind, checked, as its own bytes less the white space between tokens.
    mutating func compactValue() throws(Failure) -> ByteBuffer {
        var output = ByteBuffer()
        var open: [UInt8] = []
        skipSpace()
        /// The text from here on is not in the output yet.
        var start = index
        func skip(_ scanner: inout JSONScanner) {
            let end = scanner.index
            scanner.skipSpace()
            guard scanner.index > end else { return }
            output.writeBytes(scanner.bytes[start..<end])
            start = scanner.index
        }
        func key(_ scanner: inout JSONScanner) throws(Failure) {
            skip(&scanner)
            guard scanner.peek == UInt8(ascii: "\"") else { throw .syntax("expected a key") }
            _ = try scanner.string()
            skip(&scanner)
            try scanner.expect(":", "':'")
        }
        while true {
            skip(&self)
            guard let byte = peek else { throw .syntax("expected a value") }
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard open.count < Self.maximumDepth else { throw .syntax("nested deeper than \(Self.maximumDepth)") }
                index += 1
                skip(&self)
                let isObject = byte == UInt8(ascii: "{")
                if peek == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    index += 1
                    break
                }
                open.append(byte)
                if isObject { try key(&self) }
                continue
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "t"): try word("true")
            case UInt8(ascii: "f"): try word("false")
            case UInt8(ascii: "n"): try word("null")
            default: try number()
            }
            // A value has ended: close what it closes, or go on to the next one.
            while true {
                guard let container = open.last else {
                    output.writeBytes(bytes[start..<index])
                    return output
                }
                skip(&self)
                let isObject = container == UInt8(ascii: "{")
                if peek == UInt8(ascii: ",") {
                    index += 1
                    skip(&self)
                    if isObject { try key(&self) }
                    break
                }
                guard peek == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    throw .syntax("expected ',' or '\(isObject ? "}" : "]")'")
                }
                index += 1
                open.removeLast()
            }
        }
    }

    /// Reads `null`, if that is the value.
    mutating func null() throws(Failure) -> Bool {
        guard peek == UInt8(ascii: "n") else { return false }
        try word("null")
        return true
    }

    private mutating func word(_ word: String) throws(Failure) {
        guard bytes[index...].starts(with: word.utf8) else { throw .syntax("expected a value") }
        index += word.utf8.count
    }

    private mutating func number() throws(Failure) {
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
        func digits() -> Bool {
            let start = index
            while isDigit(peek) { index += 1 }
            return index > start
        }
        if peek == UInt8(ascii: "-") { index += 1 }
        if peek == UInt8(ascii: "0") {
            index += 1
        } else if !digits() {
            throw .syntax("expected a value")
        }
        if peek == UInt8(ascii: ".") {
            index += 1
            guard digits() else { throw .syntax("expected a digit") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            index += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
            guard digits() else { throw .syntax("expected a digit") }
        }
    }
}
