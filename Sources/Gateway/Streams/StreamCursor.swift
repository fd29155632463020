import Broker

/// Where a stream is in the log, and what it does next. A pure state machine: events in, action out.
///
/// A resume, a replay and a slow reader are one state, *catching up*: the stream reads on from its position until it
/// meets the position of its shard, and is *live* from then on. It only ever reads up to the shard's position, so it never
/// passes the inbox, and what comes later is given to it as it comes.
struct StreamCursor {
    /// Where the client asked to begin.
    enum Start: Hashable, Sendable {
        case latest
        /// After a message, or a position, that the client knows.
        case after(MessageID)
        /// Text that is no message id: answered with a reset, since any status but 200 would end `EventSource` for good.
        case malformed(String)
        case replay(ReplayStart)
    }

    enum Phase: Hashable {
        /// Waits for its position mark.
        case joining
        /// Waits for the store to say where a replay begins.
        case resolving
        /// Waits for the first page, before which nothing can be said about gaps.
        case checking
        /// Has something to read and no read under way.
        case catchingUp
        /// Waits for a page.
        case reading
        case live
        case ended
    }

    enum Action: Hashable {
        /// Write the preamble, then proceed; where a page has come already, write it in between.
        case open(resumed: Bool, reset: StreamPreamble.ResetReason?, thenWrite: Bool = false)
        /// Ask the store for the position; answer with ``resolved(at:)``.
        case resolve(ReplayStart)
        /// Read a page after the position; answer with ``took(removedThrough:beforeOldest:)``, ``readFailed()`` or
        /// ``metDamage(at:)``.
        case read(after: Int64, through: Int64)
        /// Take what follows the position from the recent messages in memory.
        case readRecent(after: Int64)
        /// Say that messages are gone, then proceed.
        case reset(StreamPreamble.ResetReason)
        /// Write the page that was read, then proceed.
        case write
        /// Nothing until the next event.
        case wait
    }

    private(set) var phase = Phase.joining
    /// Everything up to here was written, or belongs to other groups.
    private(set) var position: Int64 = 0
    /// Removals up to here need no word: the client was told, or began after them.
    private var knownRemoval: Int64 = 0
    let start: Start

    init(start: Start) {
        self.start = start
    }

    /// The shard has drained the stream's mark: it stands at `shardPosition`, the newest published position.
    ///
    /// - Parameter floor: From this position on, the recent messages in memory are complete for the stream's groups.
    mutating func joined(at shardPosition: Int64, floor: Int64, epochs: EpochState) -> Action {
        position = shardPosition
        switch start {
        case .latest:
            return goLive(resumed: false, reset: nil)
        case .malformed:
            return goLive(resumed: false, reset: .malformed)
        case .after(let id) where !epochs.accepts(id):
            return goLive(resumed: false, reset: .unknownEpoch)
        case .after(let id) where id.sequence > shardPosition:
            return goLive(resumed: false, reset: .future)
        case .after(let id) where id.sequence == shardPosition:
            return goLive(resumed: true, reset: nil)
        case .after(let id) where id.sequence >= floor:
            position = id.sequence
            phase = .catchingUp
            return .open(resumed: true, reset: nil)
        case .after(let id):
            position = id.sequence
            phase = .checking
            return .read(after: position, through: shardPosition)
        case .replay(let start):
            phase = .resolving
            return .resolve(start)
        }
    }

    private mutating func goLive(resumed: Bool, reset: StreamPreamble.ResetReason?) -> Action {
        phase = .live
        return .open(resumed: resumed, reset: reset)
    }

    /// The store has found where the replay begins.
    mutating func resolved(at position: Int64) -> Action {
        guard phase == .resolving else { return .wait }
        self.position = position
        phase = .catchingUp
        // What is gone before the first page was read was never promised to this client.
        knownRemoval = .max
        return .open(resumed: false, reset: nil)
    }

    /// What to do when the stream may write.
    ///
    /// - Parameter floor: From this position on, the recent messages in memory are complete for the stream's groups.
    mutating func proceed(shardPosition: Int64, floor: Int64) -> Action {
        guard phase == .catchingUp else { return .wait }
        if position >= shardPosition {
            phase = .live
            knownRemoval = 0
            return .wait
        }
        if position >= floor {
            knownRemoval = 0
            return .readRecent(after: position)
        }
        phase = .reading
        return .read(after: position, through: shardPosition)
    }

    /// Messages were written up to here, and there are no others up to here.
    mutating func wrote(upTo position: Int64) {
        self.position = position
    }

    /// A page has come.
    ///
    /// - Parameter beforeOldest: The position before the oldest message that is still stored.
    mutating func took(removedThrough: Int64, beforeOldest: Int64) -> Action {
        let isGap = removedThrough > max(position, knownRemoval)
        knownRemoval = removedThrough
        if isGap { position = beforeOldest }
        switch phase {
        case .checking:
            phase = .catchingUp
            return isGap ? .open(resumed: false, reset: .expired) : .open(resumed: true, reset: nil, thenWrite: true)
        case .reading:
            phase = .catchingUp
            return isGap ? .reset(.expired) : .write
        default:
            return .wait
        }
    }

    /// The page cannot be read now, and will be tried again. Who waits for its first bytes waits no longer: whether there is
    /// a gap is said when it is known.
    mutating func readFailed() -> Action {
        guard phase == .checking else { return .wait }
        phase = .reading
        return .open(resumed: true, reset: nil)
    }

    /// The next message cannot be read, and never will be.
    mutating func metDamage(at sequence: Int64) -> Action {
        guard phase == .checking || phase == .reading else { return .wait }
        let isOpening = phase == .checking
        position = sequence
        phase = .catchingUp
        return isOpening ? .open(resumed: false, reset: .damaged) : .reset(.damaged)
    }

    /// The socket takes no more, and a batch has come: from here on the stream reads at its own pace.
    mutating func fellBehind(at position: Int64) {
        guard phase == .live else { return }
        self.position = position
        phase = .catchingUp
    }

    /// Whether nothing was written yet.
    var isOpening: Bool { [.joining, .resolving, .checking].contains(phase) }

    mutating func end() {
        phase = .ended
    }
}
