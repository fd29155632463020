import NIOCore

extension ByteBuffer {
    /// Writes text as a JSON string (RFC 8259 §7): quotes, backslashes and control characters escaped, all else as it is.
    ///
    /// U+2028 and U+2029 may stand in JSON. The text is known to be UTF-8.
    mutating func writeJSON(string bytes: some Collection<UInt8>) {
        // Strings and buffers have their bytes in one place: read there, not asked for one by one.
        if bytes.withContiguousStorageIfAvailable({ writeEscaped($0) }) == nil { writeEscaped(bytes) }
    }

    private mutating func writeEscaped(_ bytes: some Collection<UInt8>) {
        reserveCapacity(minimumWritableBytes: bytes.count + 2)
        writeInteger(UInt8(ascii: "\""))
        var start = bytes.startIndex
        var index = start
        while index != bytes.endIndex {
            let byte = bytes[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                writeBytes(bytes[start..<index])
                writeEscape(of: byte)
                start = bytes.index(after: index)
            }
            index = bytes.index(after: index)
        }
        writeBytes(bytes[start...])
        writeInteger(UInt8(ascii: "\""))
    }

    mutating func writeJSON(string text: String) {
        writeJSON(string: text.utf8)
    }

    mutating func writeJSON(string text: String?) {
        if let text { writeJSON(string: text) } else { writeString("null") }
    }

    private mutating func writeEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): writeString("\\\"")
        case UInt8(ascii: "\\"): writeString("\\\\")
        case 0x0A: writeString("\\n")
        case 0x0D: writeString("\\r")
        case 0x09: writeString("\\t")
        default:
            let digits = String(byte, radix: 16)
            writeString("\\u00\(digits.utf8.count == 1 ? "0" : "")\(digits)")
        }
    }
}
