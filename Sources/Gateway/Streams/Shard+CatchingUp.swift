import Broker
import NIOCore

/// Streams that go on from their positions.
extension Shard {
    /// Lets the stream go on in the loop's next turn: never in the middle of a delivery, and after everybody else who
    /// waits has had a piece, so that a long replay does not hold up the live connections.
    func proceed(_ stream: Subscriber) {
        waiting.append(stream)
        guard waiting.count == 1 else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { this.value.resumeWaiting() }
    }

    private func resumeWaiting() {
        let turn = waiting
        waiting = []
        for stream in turn { stream.proceed() }
    }

    func floor(of feed: Feed) -> Int64 { recent.floor(of: feed.key.topics) }

    /// The recent messages after a position, about as many as one buffer holds.
    func recentPiece(of feed: Feed, after start: Int64) -> Feed.Piece {
        if let piece = pieces.piece(of: feed, after: start) { return piece }
        let messages = recent.messages(
            of: feed.key.topics,
            after: start,
            maximumBytes: settings.pieceBytes,
            now: settings.wallClock()
        )
        let piece = Feed.Piece(of: messages, style: feed.key.style, end: messages.last?.id?.sequence ?? position)
        pieces.keep(piece, of: feed, after: start)
        return piece
    }

    func readPage(for stream: Subscriber, after: Int64, through: Int64) {
        guard let feed = stream.feed else { return }
        pages.read(feed, after: after, through: through, maximumBytes: settings.pieceBytes, for: stream)
    }

    func resolve(_ start: ReplayStart, for stream: Subscriber) {
        guard let feed = stream.feed else { return }
        pages.resolve(start, feed, through: position, for: stream)
    }
}
