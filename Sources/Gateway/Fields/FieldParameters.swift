/// The parameters of a header field's value: `; name=token; name="quoted string"` (RFC 9110 §5.6.6).
enum FieldParameters {
    /// The first parameter of a name, whose case does not count; nil where there is none. What stands before the first `;`
    /// is no parameter.
    static func value(of name: String, in text: some StringProtocol) -> String? {
        var bytes = Substring(text).utf8[...]
        guard skip(to: UInt8(ascii: ";"), in: &bytes) else { return nil }
        while !bytes.isEmpty {
            trim(&bytes)
            let key = take(from: &bytes) { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            guard bytes.first == UInt8(ascii: "=") else {
                _ = bytes.popFirst()
                continue
            }
            bytes.removeFirst()
            trim(&bytes)
            let value = bytes.first == UInt8(ascii: "\"") ? quoted(&bytes) : token(&bytes)
            if String(Substring(key)).trimmed.lowercased() == name.lowercased() { return value }
            guard skip(to: UInt8(ascii: ";"), in: &bytes) else { return nil }
        }
        return nil
    }

    private typealias Bytes = Substring.UTF8View.SubSequence

    private static func token(_ bytes: inout Bytes) -> String? {
        let token = Substring(take(from: &bytes) { $0 != UInt8(ascii: ";") }).trimmed
        return token.isEmpty ? nil : String(token)
    }

    /// A quoted string without its quotes. A backslash stands for the quote or backslash that follows; before anything else
    /// it is a character, as browsers write it in paths. Nil where it does not end.
    private static func quoted(_ bytes: inout Bytes) -> String? {
        bytes.removeFirst()
        var value: [UInt8] = []
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "\"") { return String(decoding: value, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), let next = bytes.first, next == byte || next == UInt8(ascii: "\"") {
                value.append(next)
                bytes.removeFirst()
            } else {
                value.append(byte)
            }
        }
        return nil
    }

    private static func take(from bytes: inout Bytes, while isTaken: (UInt8) -> Bool) -> Bytes {
        let taken = bytes.prefix(while: isTaken)
        bytes = bytes[taken.endIndex...]
        return taken
    }

    private static func trim(_ bytes: inout Bytes) {
        _ = take(from: &bytes) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Goes behind the next separator. Returns whether there was one.
    private static func skip(to separator: UInt8, in bytes: inout Bytes) -> Bool {
        _ = take(from: &bytes) { $0 != separator }
        return bytes.popFirst() != nil
    }
}
