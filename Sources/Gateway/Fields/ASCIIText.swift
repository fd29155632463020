/// What protocols compare without regard to case is ASCII, and is compared as bytes: to a string's own `==` and
/// `lowercased()` the Kelvin sign is a `k`, and a combining character hides the letter before it.
extension UInt8 {
    /// A letter's small form; all else as it is.
    var lowercaseASCII: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

extension Collection<UInt8> {
    /// Whether the bytes are the same, ASCII letters of either case taken for one.
    func isEqual(ignoringCase other: some Collection<UInt8>) -> Bool {
        elementsEqual(other) { $0.lowercaseASCII == $1.lowercaseASCII }
    }
}

extension BidirectionalCollection<UInt8> {
    /// A host without the dot that names the root of the domain name system (RFC 1034 §3.1).
    var withoutRootDot: SubSequence { last == UInt8(ascii: ".") ? dropLast() : self[...] }
}
