import Broker
import NIOCore
import Testing

@testable import Gateway

/// Encoded pieces of recent messages, which many streams share.
struct RecentPiecesTests {
    private let epoch = Epoch.random()

    private func feed(_ name: String) throws -> Feed {
        Feed(key: .init(topics: [.group(try GroupName(name))], style: StreamStyle(format: .plain, framing: .chunked)))
    }

    private func piece(_ sequence: Int64, bytes: Int = 1000, expiresAt: Timestamp? = nil) -> Feed.Piece {
        let message = Message(
            id: MessageID(epoch: epoch, sequence: sequence),
            data: ByteBuffer(repeating: 120, count: bytes),
            expiresAt: expiresAt
        )
        return Feed.Piece(of: [message], style: StreamStyle(format: .plain, framing: .chunked), end: sequence)
    }

    @Test func `pieces of all feeds together are bounded`() throws {
        var pieces = RecentPieces(maximumBytes: 10_000)
        let feeds = try (0..<100).map { try feed("g\($0)") }
        for (index, feed) in feeds.enumerated() {
            for start in Int64(0)..<5 {
                pieces.keep(piece(start + 1), of: feed, after: start)
                #expect(pieces.bytes <= 10_000)
                #expect(pieces.piece(of: feed, after: start) != nil, "\(index)")
            }
        }
        for feed in feeds { pieces.forget(feed) }
        #expect(pieces.bytes == 0)
    }

    @Test func `a feed has few pieces, and what is for a time is not kept`() throws {
        var pieces = RecentPieces(maximumBytes: 1 << 20)
        let feed = try feed("g")
        for start in Int64(0)..<100 { pieces.keep(piece(start + 1), of: feed, after: start) }
        #expect(pieces.bytes < 17 * 1500)
        pieces.forgetAll()
        #expect(pieces.bytes == 0)
        pieces.keep(piece(1, expiresAt: .now()), of: feed, after: 0)
        pieces.keep(piece(1, bytes: 2 << 20), of: feed, after: 0)
        #expect(pieces.bytes == 0)
    }
}
