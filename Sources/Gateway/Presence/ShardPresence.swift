import Broker
import NIOCore

/// The presence of the groups that streams of an event loop follow: says who they are, and tells those that asked.
///
/// A stream that asked is told a group's state first, and its differences from then on, each once. One that is told nothing
/// for a while, since it catches up or its socket is full, is told the state anew. So what a client knows is right, or it
/// is about to be told.
///
/// Confined to its event loop.
final class ShardPresence {
    private final class Watch {
        let stream: Subscriber
        /// Whether the stream knows the group as of the last update.
        var isCurrent = false

        init(_ stream: Subscriber) {
            self.stream = stream
        }
    }

    /// A group of which somebody wants to know.
    private struct Watched {
        let watcher: GroupWatcher
        /// By the numbers of their streams.
        var watches: [Int: Watch] = [:]
    }

    /// Groups whose streams are told in one turn of the loop, at most.
    private static let groupsInTurn = 100

    private let eventLoop: any EventLoop
    private let registry: any PresenceRegistry
    private let counters: Counters
    private let inbox: PresenceInbox
    private var watched: [GroupName: Watched] = [:]

    init(eventLoop: any EventLoop, shared: Shard.SharedState) {
        (self.eventLoop, registry, counters) = (eventLoop, shared.presence, shared.counters)
        inbox = PresenceInbox(eventLoop: eventLoop, outside: shared.outside)
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        inbox.start { this.value.drain() }
    }

    /// The loop is about to end.
    func stop() {
        inbox.stop()
    }

    // MARK: Coming and going

    func joined(_ stream: Subscriber) {
        let groups = stream.groups
        guard !groups.isEmpty else { return }
        if stream.request.grant.isPresent { registry.join(groups, as: stream.request.origin.presentUser) }
        guard stream.request.showsPresence else { return }
        for group in groups {
            if watched[group] == nil {
                let watcher = GroupWatcher(inbox)
                watched[group] = Watched(watcher: watcher)
                registry.watch(group, watcher)
            }
            watched[group]?.watches[stream.number] = Watch(stream)
        }
    }

    func left(_ stream: Subscriber) {
        let groups = stream.groups
        guard !groups.isEmpty else { return }
        if stream.request.grant.isPresent { registry.leave(groups, as: stream.request.origin.presentUser) }
        guard stream.request.showsPresence else { return }
        for group in groups {
            watched[group]?.watches[stream.number] = nil
            guard let last = watched[group], last.watches.isEmpty else { continue }
            watched[group] = nil
            registry.unwatch(group, last.watcher)
        }
    }

    // MARK: Telling

    /// The stream has become live, or its socket takes something again: it is told the state of those groups of which it has
    /// missed something.
    func showState(to stream: Subscriber) {
        for group in stream.groups where watched[group]?.watches[stream.number]?.isCurrent == false {
            registry.requestState(of: group)
        }
    }

    private func drain() {
        let (entries, hasMore) = inbox.take(atMost: Self.groupsInTurn)
        for entry in entries { tell(entry) }
        guard hasMore else { return }
        let this = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { this.value.drain() }
    }

    private func tell(_ entry: PresenceInbox.Entry) {
        let update = entry.update
        // What an earlier watch was told is too old for those who follow the group now: what they have missed since was noted
        // for nobody.
        guard let watched = watched[update.group], watched.watcher === entry.watcher else { return }
        // A copy: a stream may leave while it is written to.
        let streams = watched.watches.values
        var difference = update.difference.map { PresenceEvent(update.group, count: update.count, $0) }
        var state = update.state.map { PresenceEvent(update.group, count: update.count, $0) }
        var (written, needsState) = (0, false)
        for watch in streams {
            if entry.followsGap { watch.isCurrent = false }
            if watch.isCurrent {
                if difference != nil { watch.isCurrent = write(&difference, to: watch.stream) } else { continue }
            } else if state != nil {
                watch.isCurrent = write(&state, to: watch.stream)
            } else if entry.followsGap {
                needsState = true
            }
            written += watch.isCurrent ? 1 : 0
        }
        counters.presenceEvents.add(written)
        if needsState { registry.requestState(of: update.group) }
    }

    /// - Returns: Whether it was written. Otherwise the stream asks when it is live again (``showState(to:)``).
    private func write(_ event: inout PresenceEvent?, to stream: Subscriber) -> Bool {
        stream.writeLive { connection in
            event?.frame(stream.feedKey.style, subscription: connection.subscriptionName) ?? ByteBuffer()
        }
    }
}

extension Subscriber {
    /// Those that it follows by name.
    fileprivate var groups: [GroupName] { feedKey.topics.compactMap(\.group) }
}
