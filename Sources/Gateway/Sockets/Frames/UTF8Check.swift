/// Checks text for UTF-8 (RFC 3629) as it comes, in parts of any size. A pure state machine: the first byte that no text
/// can have there is found when it comes, not at the end.
struct UTF8Check {
    /// Bytes that the character under way still needs.
    private var needed = 0
    /// What the next of them may be. Narrower behind some first bytes: no overlong forms, no surrogates, nothing beyond
    /// U+10FFFF.
    private var range: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether the text may end here.
    var isComplete: Bool { needed == 0 }

    /// - Returns: Whether this may be UTF-8, with what came before.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while index < bytes.count {
            // Most text is ASCII: eight bytes at a time.
            if needed == 0 {
                while index + 8 <= bytes.count,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                guard index < bytes.count else { return true }
            }
            guard take(bytes[index]) else { return false }
            index += 1
        }
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard needed == 0 else {
            guard range.contains(byte) else { return false }
            range = 0x80...0xBF
            needed -= 1
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: needed = 1
        case 0xE0: (needed, range) = (2, 0xA0...0xBF)
        case 0xED: (needed, range) = (2, 0x80...0x9F)
        case 0xE1...0xEF: needed = 2
        case 0xF0: (needed, range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: needed = 3
        case 0xF4: (needed, range) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
