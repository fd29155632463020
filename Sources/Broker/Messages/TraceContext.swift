/// Of which trace a publish is a part, as its publisher said (W3C Trace Context, https://www.w3.org/TR/trace-context/).
public struct TraceContext: Hashable, Sendable {
    /// The longest `tracestate` that is kept, in bytes: every vendor has to keep so much (§3.3.1.5).
    public static let longestState = 512

    /// Version, trace, parent span and flags.
    public let parent: String
    /// What vendors add; nil where there is nothing.
    public let state: String?

    /// What it holds, in bytes.
    public var bytes: Int { parent.utf8.count + (state?.utf8.count ?? 0) }

    /// - Parameters:
    ///   - parent: The value of `traceparent`.
    ///   - state: That of `tracestate`, several joined by commas. One that is malformed or too long is left out.
    /// - Returns: Nil where `parent` is malformed: then the standard has the whole of it ignored (§3.2.2.3).
    public init?(parent: String, state: String? = nil) {
        guard Self.isParent(Array(parent.utf8)) else { return nil }
        self.parent = parent
        self.state = state.flatMap { state in
            let bytes = state.utf8
            let isSane =
                !bytes.isEmpty && bytes.count <= Self.longestState && bytes.allSatisfy { (0x20...0x7E).contains($0) }
            return isSane ? state : nil
        }
    }

    /// Of version 00. Later ones are longer, and begin in the same way: none is there yet.
    private static func isParent(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == 55, bytes[..<2].elementsEqual("00".utf8) else { return false }
        for (index, byte) in bytes.enumerated() {
            let isDash = [2, 35, 52].contains(index)
            let isDigit = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            guard isDash ? byte == UInt8(ascii: "-") : isDigit else { return false }
        }
        func isZero(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy { $0 == UInt8(ascii: "0") } }
        return !isZero(3..<35) && !isZero(36..<52)
    }
}
