import Broker
import NIOCore
import Synchronization

/// What waits for an event loop: messages of the groups that it follows, and the position marks of new streams.
///
/// It is the loop's member of those groups. The only part of a shard that other threads touch. Bounded in bytes: over the
/// bound it drops its messages and remembers how far they went; what is stored, the connections read from the store.
final class ShardInbox: ChannelSink {
    enum Entry {
        case message(Message, GroupName)
        /// The stream with this number begins to read; the shard stands at least at this position.
        case mark(stream: Int, position: Int64)
        /// What is gone from the store: streams that begin after this must not be shown it.
        case removals([Removal])
        /// The channel layer is closed: no message comes any more.
        case layerClosed
    }

    struct Contents {
        var entries: [Entry] = []
        var bytes = 0
        /// Messages up to here were dropped, all of them before `entries`.
        var skippedThrough: Int64?
        /// How many of the dropped were not stored, and so are lost.
        var droppedUnstored = 0
    }

    private struct State {
        var contents = Contents()
        var isScheduled = false
        var needsWaking = false
        var drain: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let maximumBytes: Int
    let gate: LoopGate

    init(maximumBytes: Int, eventLoop: any EventLoop) {
        self.maximumBytes = maximumBytes
        gate = LoopGate(eventLoop)
    }

    /// - Parameter drain: Runs on the loop when something has come.
    func start(_ drain: @escaping @Sendable () -> Void) {
        state.withLock { $0.drain = drain }
    }

    /// Lets go of whoever drains it, which holds it in turn.
    func stop() {
        state.withLock { $0.drain = nil }
    }

    func receive(_ message: Message, in group: GroupName) {
        // What an entry holds beside its data, about.
        let size = message.data.readableBytes + 200
        state.withLock { state in
            if state.contents.bytes + size > maximumBytes, state.contents.bytes > 0 { state.contents.skip() }
            state.contents.entries.append(.message(message, group))
            state.contents.bytes += size
            state.needsWaking = true
        }
    }

    func deliveriesDidEnd() {
        let drain: (@Sendable () -> Void)? = state.withLock { state in
            guard state.needsWaking, !state.isScheduled else { return nil }
            state.isScheduled = true
            return state.drain
        }
        if let drain { gate.execute(drain) }
    }

    func layerDidClose() {
        state.withLock { state in
            state.contents.entries.append(.layerClosed)
            state.needsWaking = true
        }
        deliveriesDidEnd()
    }

    /// Puts in a mark; the caller, on the loop, drains afterwards.
    func mark(stream: Int, position: Int64) {
        state.withLock { $0.contents.entries.append(.mark(stream: stream, position: position)) }
    }

    /// Called on any thread, before whoever removed it is answered.
    func remove(_ removals: [Removal]) {
        state.withLock { state in
            state.contents.entries.append(.removals(removals))
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
    /// Drops the messages; the marks stay, since streams wait for them, and the removals.
    fileprivate mutating func skip() {
        var kept: [ShardInbox.Entry] = []
        for entry in entries {
            switch entry {
            case .mark, .removals, .layerClosed: kept.append(entry)
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
