import Testing

/// A case of the Autobahn test suite for servers, by its number there, written anew.
struct AutobahnCase: Sendable, CustomTestStringConvertible {
    /// How the bytes of its frames come.
    enum Chops: Sendable {
        case frames
        case together
        case bytes(Int)
    }

    let number: String
    let frames: [PeerFrame]
    var chops = Chops.frames
    /// What is sent back before the end.
    var replies: [PeerFrame] = []
    /// The code of the close that the server sends; nil: the connection stays open.
    var closes: UInt16?
    /// Whether the server's close says no code.
    var closesWithoutCode = false
    /// Of all bytes, after how many the server has to have closed at the latest; nil: after all.
    var failsWithin: Int?

    var testDescription: String { number }

    private init(_ number: String, _ frames: [PeerFrame], _ chops: Chops) {
        (self.number, self.frames, self.chops) = (number, frames, chops)
    }

    static func echo(
        _ number: String,
        _ frames: [PeerFrame],
        _ chops: Chops = .frames,
        _ replies: [PeerFrame]? = nil
    ) -> AutobahnCase {
        var made = AutobahnCase(number, frames, chops)
        made.replies = replies ?? frames
        return made
    }

    static func fails(
        _ number: String,
        _ frames: [PeerFrame],
        _ chops: Chops = .frames,
        after replies: [PeerFrame] = [],
        code: UInt16 = 1002,
        within bytes: Int? = nil
    ) -> AutobahnCase {
        var made = AutobahnCase(number, frames, chops)
        (made.replies, made.closes, made.failsWithin) = (replies, code, bytes)
        return made
    }

    static func closes(
        _ number: String,
        _ frames: [PeerFrame],
        after replies: [PeerFrame] = [],
        code: UInt16?
    ) -> AutobahnCase {
        var made = AutobahnCase(number, frames, .frames)
        (made.replies, made.closes, made.closesWithoutCode) = (replies, code, code == nil)
        return made
    }

    /// The bytes, as they come.
    var pieces: [[UInt8]] {
        let all = frames.enumerated().map { index, frame in
            frame.bytes(mask: [UInt8(truncatingIfNeeded: index &* 37 &+ 1), 0x9C, 0x00, 0xFF])
        }
        switch chops {
        case .frames: return all
        case .together: return [all.flatMap { $0 }]
        case .bytes(let size):
            let bytes = all.flatMap { $0 }
            return stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
        }
    }
}
