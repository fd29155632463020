import Broker

/// Encoded pieces of the recent messages, for streams that catch up together. All of them take no more memory than the
/// messages they are made of may take.
///
/// Confined to the shard's event loop.
struct RecentPieces {
    /// One feed's, by the positions after which they begin.
    private struct Kept {
        /// The composer's revision at the time.
        let revision: Int
        var pieces: [Int64: Feed.Piece] = [:]
        var bytes = 0
    }

    /// A feed has at most so many: streams that are further apart share none.
    private static let perFeed = 16

    private var feeds: [ObjectIdentifier: Kept] = [:]
    private(set) var bytes = 0
    private let maximumBytes: Int

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// Nil where none is kept, or where messages look different now.
    func piece(of feed: Feed, after position: Int64) -> Feed.Piece? {
        guard let kept = feeds[ObjectIdentifier(feed)], kept.revision == feed.key.style.revision else { return nil }
        return kept.pieces[position]
    }

    mutating func keep(_ piece: Feed.Piece, of feed: Feed, after position: Int64) {
        let size = piece.size
        guard !piece.isPassing, size <= maximumBytes else { return }
        let revision = feed.key.style.revision
        if let kept = feeds[ObjectIdentifier(feed)], kept.pieces.count >= Self.perFeed || kept.revision != revision {
            forget(feed)
        }
        if bytes + size > maximumBytes { forgetAll() }
        var kept = feeds.removeValue(forKey: ObjectIdentifier(feed)) ?? Kept(revision: revision)
        let growth = size - (kept.pieces.updateValue(piece, forKey: position)?.size ?? 0)
        kept.bytes += growth
        bytes += growth
        feeds[ObjectIdentifier(feed)] = kept
    }

    /// Drops the pieces of a feed: they are outdated, or nobody has the feed.
    mutating func forget(_ feed: Feed) {
        guard !feeds.isEmpty, let kept = feeds.removeValue(forKey: ObjectIdentifier(feed)) else { return }
        bytes -= kept.bytes
    }

    mutating func forgetAll() {
        feeds = [:]
        bytes = 0
    }
}
