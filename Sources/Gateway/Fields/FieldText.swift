/// The text of header fields. On bytes: this is on the way of every request, and going by characters costs ten times as
/// much.
extension StringProtocol {
    /// Without white space at either end (RFC 9110 §5.6.3: spaces and tabs).
    var trimmed: SubSequence {
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var (start, end) = (utf8.startIndex, utf8.endIndex)
        while start < end, isSpace(utf8[start]) { utf8.formIndex(after: &start) }
        while start < end {
            let last = utf8.index(end, offsetBy: -1)
            guard isSpace(utf8[last]) else { break }
            end = last
        }
        return self[start..<end]
    }

    /// The media type of a `Content-Type`, without its parameters and in lower case (RFC 9110 §8.3.1).
    var mediaType: String {
        self[..<(utf8.firstIndex(of: UInt8(ascii: ";")) ?? endIndex)].trimmed.lowercased()
    }
}
