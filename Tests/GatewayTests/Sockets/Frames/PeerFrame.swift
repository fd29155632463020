/// Frames of a WebSocket as RFC 6455 §5.2 alone has them, written for tests: so it shares no misreading with the server.
struct PeerFrame: Hashable, Sendable {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isLast = true
    var reserved: UInt8 = 0

    static func text(_ text: String, isLast: Bool = true, reserved: UInt8 = 0) -> PeerFrame {
        PeerFrame(opcode: 1, payload: Array(text.utf8), isLast: isLast, reserved: reserved)
    }

    static func text(_ bytes: [UInt8], isLast: Bool = true) -> PeerFrame {
        PeerFrame(opcode: 1, payload: bytes, isLast: isLast)
    }

    static func binary(_ bytes: [UInt8], isLast: Bool = true) -> PeerFrame {
        PeerFrame(opcode: 2, payload: bytes, isLast: isLast)
    }

    static func more(_ text: String, isLast: Bool = false) -> PeerFrame {
        PeerFrame(opcode: 0, payload: Array(text.utf8), isLast: isLast)
    }

    static func more(_ bytes: [UInt8], isLast: Bool = false) -> PeerFrame {
        PeerFrame(opcode: 0, payload: bytes, isLast: isLast)
    }

    static func ping(_ bytes: [UInt8] = []) -> PeerFrame { PeerFrame(opcode: 9, payload: bytes) }
    static func ping(_ text: String) -> PeerFrame { PeerFrame(opcode: 9, payload: Array(text.utf8)) }
    static func pong(_ bytes: [UInt8] = []) -> PeerFrame { PeerFrame(opcode: 10, payload: bytes) }
    static func pong(_ text: String) -> PeerFrame { PeerFrame(opcode: 10, payload: Array(text.utf8)) }

    static func close(_ code: UInt16? = nil, _ reason: [UInt8] = []) -> PeerFrame {
        PeerFrame(opcode: 8, payload: (code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []) + reason)
    }

    /// The code of a close; nil where it says none.
    var closeCode: UInt16? {
        opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
    }

    /// What follows the code of a close.
    var closeReason: String { String(decoding: payload.dropFirst(2), as: UTF8.self) }
    var string: String { String(decoding: payload, as: UTF8.self) }

    /// - Parameter mask: Nil for a server's.
    func bytes(mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]) -> [UInt8] {
        var bytes = [(isLast ? 0x80 : 0) | reserved << 4 | opcode]
        let bit: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ...125: bytes.append(bit | UInt8(payload.count))
        case ...0xFFFF: bytes += [bit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [bit | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }
}

/// Reads a server's frames. Strict: a mask, a reserved bit, or a frame in parts is an error.
struct PeerReader: Sendable {
    struct Malformed: Error {}

    private var bytes: ArraySlice<UInt8> = []

    mutating func feed(_ more: some Collection<UInt8>) {
        bytes += more
    }

    mutating func next() throws(Malformed) -> PeerFrame? {
        let start = bytes.startIndex
        guard bytes.count >= 2 else { return nil }
        guard bytes[start] & 0xF0 == 0x80, bytes[start + 1] & 0x80 == 0 else { throw Malformed() }
        var (length, header) = (Int(bytes[start + 1]), 2)
        if length > 125 {
            header += length == 126 ? 2 : 8
            guard bytes.count >= header else { return nil }
            length = bytes[(start + 2)..<(start + header)].reduce(0) { $0 << 8 | Int($1) }
        }
        guard bytes.count >= header + length else { return nil }
        let payload = Array(bytes[(start + header)..<(start + header + length)])
        let opcode = bytes[start] & 0x0F
        bytes = bytes.dropFirst(header + length)
        return PeerFrame(opcode: opcode, payload: payload)
    }
}
