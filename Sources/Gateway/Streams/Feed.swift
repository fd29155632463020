import Broker
import NIOCore

/// The connections of one event loop that follow the same groups in the same style, and so get the same bytes.
///
/// Confined to its event loop.
final class Feed {
    struct Key: Hashable {
        /// Sorted, each once.
        let topics: [Topic]
        let style: StreamStyle
    }

    /// Encoded messages, and how far they go.
    struct Piece {
        let batches: [Batch]
        /// Everything of these groups up to here, from where the piece begins, is in it.
        let end: Int64
        /// Whether a message in it has a `ttl`: then it is for now, not for those who come later.
        let isPassing: Bool

        init(of messages: [Message], style: StreamStyle, end: Int64) {
            batches = Batch.make(of: messages, style: style)
            self.end = end
            isPassing = messages.contains { $0.expiresAt != nil }
        }

        /// Its memory, in bytes.
        var size: Int { batches.reduce(200) { $0 + $1.size } }

        private init(_ batches: [Batch], end: Int64, isPassing: Bool) {
            (self.batches, self.end, self.isPassing) = (batches, end, isPassing)
        }

        /// The part that follows a position.
        func suffix(after position: Int64) -> Piece {
            guard let first = batches.first, first.ends.first?.sequence.map({ $0 <= position }) ?? false else {
                return self
            }
            return Piece(batches.compactMap { $0.suffix(after: position) }, end: end, isPassing: isPassing)
        }
    }

    /// The answer that one delivery is to polls.
    struct SharedAnswer {
        struct Key: Equatable {
            let limit: Int
            let after: Int64
            let last: Int64
        }

        let key: Key
        let messages: Int
        let answer: Answer
    }

    /// Polls ask with limits of their own. More of them are answered each by itself.
    private static let maximumSharedAnswers = 8

    let key: Key
    /// For the delivery that is under way.
    private(set) var sharedAnswers: [SharedAnswer] = []
    /// Streams that have this feed, in whatever phase.
    var streams = 0
    /// Those that get each batch as it comes. Each knows its index.
    private(set) var live: [Subscriber] = []
    /// Topics with messages that this feed has not delivered yet.
    var pending: [FollowedTopic] = []

    init(key: Key) {
        self.key = key
    }

    func share(_ answer: SharedAnswer) {
        if sharedAnswers.count < Self.maximumSharedAnswers { sharedAnswers.append(answer) }
    }

    func endDelivery() {
        pending.removeAll(keepingCapacity: true)
        if !sharedAnswers.isEmpty { sharedAnswers = [] }
    }

    func addLive(_ stream: Subscriber) {
        guard stream.liveIndex == nil else { return }
        stream.placed(at: live.count)
        live.append(stream)
    }

    /// Takes the stream out by putting the last one in its place.
    func removeLive(_ stream: Subscriber) {
        guard let index = stream.liveIndex else { return }
        stream.placed(at: nil)
        let last = live.removeLast()
        guard last !== stream else { return }
        live[index] = last
        last.placed(at: index)
    }
}

extension Feed {
    /// What it has not delivered yet, in order. A message that belongs to several of its topics is there once.
    var arrived: [FollowedTopic.Arrival] {
        if pending.count == 1, let topic = pending.first { return topic.arrived }
        var last = 0
        return pending.flatMap(\.arrived).sorted { $0.order < $1.order }.filter { arrival in
            defer { last = arrival.order }
            return arrival.order != last
        }
    }

    /// The same, encoded. One topic's batches are shared by all its feeds; those of several topics are this feed's own, and
    /// references where nobody would share the copy.
    var pendingBatches: [Batch] {
        if pending.count == 1, let topic = pending.first { return topic.batches(in: key.style) }
        let messages = arrived.map(\.message)
        return live.count == 1
            ? Batch.references(to: messages, style: key.style) : Batch.make(of: messages, style: key.style)
    }
}

/// A group that streams of this event loop follow, or all that match a pattern.
///
/// Confined to its event loop.
final class FollowedTopic {
    /// A message, with its place among all that came. A message that belongs to several topics has one place.
    typealias Arrival = (order: Int, message: Message)

    let topic: Topic
    var feeds: [Feed] = []
    /// Messages that have come since the last delivery.
    var arrived: [Arrival] = []
    /// `arrived` in the styles that feeds of this topic alone have asked for.
    private var batches: [StreamStyle: [Batch]] = [:]

    init(topic: Topic) {
        self.topic = topic
    }

    func batches(in style: StreamStyle) -> [Batch] {
        if let made = batches[style] { return made }
        let made = Batch.make(of: arrived.map(\.message), style: style)
        batches[style] = made
        return made
    }

    /// Empties the topic, which keeps nothing for the next delivery: topics may be many, and most are silent.
    ///
    /// - Returns: The emptied array, for whichever topic needs one next.
    func finishDelivery() -> [Arrival] {
        var emptied: [Arrival] = []
        swap(&emptied, &arrived)
        emptied.removeAll(keepingCapacity: true)
        batches.removeAll(keepingCapacity: true)
        return emptied
    }
}
