import Broker
import NIOCore
import Synchronization

/// What waits for an event loop: messages of the groups that it follows, and the position marks of new streams.
///
/// It is the loop's member of those groups. The only part of a shard that other threads touch. Bounded in bytes: over the
/// bound it drops its messages and remembers how far they went; what is stored, the connections read from the store. Of
/// what was removed it remembers then that it was more than it holds. A mark is there for each stream at most.
final class ShardInbox: ChannelSink {
    enum Entry {
        case message(Message, GroupName)
        /// The stream with this number begins to read; the shard stands at least at this position.
        case mark(stream: Int, position: Int64)
        /// What is gone from the store: streams that begin after this must not be shown it.
        case removals([Removal])
    }

    struct Contents {
        var entries: [Entry] = []
        var bytes = 0
        /// Messages up to here were dropped, all of them before `entries`.
        var skippedThrough: Int64?
        /// How many of the dropped were not stored, and so are lost.
        var droppedUnstored = 0
        /// Whether removals were dropped, all of them before `entries`: anything may have been removed.
        var droppedRemovals = false
    }

    private struct State {
        var contents = Contents()
        var isScheduled = false
        var needsWaking = false
        var isStopped = false
        var drain: (@Sendable () -> Void)?
        var layerDidClose: (@Sendable () -> Void)?

        mutating func add(_ entry: Entry, _ size: Int, _ maximumBytes: Int) {
            if contents.bytes + size > maximumBytes, contents.bytes > 0 { contents.skip() }
            contents.entries.append(entry)
            contents.bytes += size
            needsWaking = true
        }
    }

    private let state = Mutex(State())
    private let maximumBytes: Int
    private let eventLoop: any EventLoop
    private let outside: OutsideWork

    init(maximumBytes: Int, eventLoop: any EventLoop, outside: OutsideWork = OutsideWork()) {
        self.maximumBytes = maximumBytes
        self.eventLoop = eventLoop
        self.outside = outside
    }

    /// - Parameters:
    ///   - drain: Runs on the loop when something has come.
    ///   - layerDidClose: Runs on the loop when nothing will come any more.
    func start(_ drain: @escaping @Sendable () -> Void, layerDidClose: @escaping @Sendable () -> Void = {}) {
        state.withLock { state in
            state.drain = drain
            state.layerDidClose = layerDidClose
        }
    }

    /// Nothing is put onto the loop any more once this has returned and ``OutsideWork`` has ended.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.drain = nil
            state.layerDidClose = nil
            state.contents = Contents()
        }
    }

    func receive(_ message: Message, in group: GroupName) {
        // An entry holds about so much beside its data.
        let size = message.data.readableBytes + (message.trace?.bytes ?? 0) + 200
        state.withLock { $0.add(.message(message, group), size, maximumBytes) }
    }

    func deliveriesDidEnd() {
        let drain: (@Sendable () -> Void)? = state.withLock { state in
            guard state.needsWaking, !state.isScheduled, let drain = state.drain else { return nil }
            state.isScheduled = true
            outside.begin()
            return drain
        }
        if let drain { execute(drain) }
    }

    func layerDidClose() {
        let tell: (@Sendable () -> Void)? = state.withLock { state in
            if state.layerDidClose != nil { outside.begin() }
            return state.layerDidClose
        }
        if let tell { execute(tell) }
    }

    /// Onto the loop, which lives at least until this has returned.
    private func execute(_ work: @escaping @Sendable () -> Void) {
        eventLoop.execute(work)
        outside.end()
    }

    /// Puts in a mark; the caller, on the loop, drains afterwards.
    func mark(stream: Int, position: Int64) {
        state.withLock { $0.contents.entries.append(.mark(stream: stream, position: position)) }
    }

    /// Called on any thread, before whoever removed it is answered.
    func remove(_ removals: [Removal]) {
        let size = 200 + removals.count * MemoryLayout<Removal>.stride
        state.withLock { state in
            guard !state.isStopped else { return }
            state.add(.removals(removals), size, maximumBytes)
        }
        deliveriesDidEnd()
    }

    /// Messages up to here do not come: who follows groups reads them from the store.
    func skip(through position: Int64) {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.contents.skip()
            state.contents.skippedThrough = max(state.contents.skippedThrough ?? 0, position)
            state.needsWaking = true
        }
        deliveriesDidEnd()
    }

    func takeAll() -> Contents {
        state.withLock { state in
            state.isScheduled = false
            state.needsWaking = false
            defer { state.contents = Contents() }
            return state.contents
        }
    }

    var bytes: Int { state.withLock { $0.contents.bytes } }
}

extension ShardInbox.Contents {
    /// Drops messages and removals; the marks stay, since streams wait for them.
    fileprivate mutating func skip() {
        var kept: [ShardInbox.Entry] = []
        for entry in entries {
            switch entry {
            case .mark: kept.append(entry)
            case .removals: droppedRemovals = true
            case .message(let message, _):
                if let id = message.id {
                    skippedThrough = max(skippedThrough ?? 0, id.sequence)
                } else {
                    droppedUnstored += 1
                }
            }
        }
        entries = kept
        bytes = 0
    }
}
