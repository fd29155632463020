import NIOCore
import Synchronization

/// The streams that are open on a gateway: to look at, and to end.
///
/// Give the same one to the gateway and to whatever shows it. Empty while the gateway does not serve. Safe to use from any
/// thread; it asks the event loops, so it is for people, not for each request.
public final class OpenStreams: Sendable {
    private struct State {
        var loops: [NIOLoopBound<ConnectionServices>] = []
        var outside: OutsideWork?
    }

    private let start = OpenStreamID.makeStart()
    private let state = Mutex(State())

    /// For one gateway.
    public init() {}

    func begin(_ loops: [NIOLoopBound<ConnectionServices>], _ outside: OutsideWork) {
        state.withLock { $0 = State(loops: loops, outside: outside) }
    }

    /// The server is about to stop.
    func stop() {
        state.withLock { $0 = State() }
    }

    /// The loops live until `body` has returned.
    func withLoops<Value>(_ body: ([NIOLoopBound<ConnectionServices>]) async -> Value) async -> Value {
        let state = state.withLock { state in
            state.outside?.begin()
            return state
        }
        defer { state.outside?.end() }
        return await body(state.loops)
    }

    /// A page of the streams, those first that began first.
    ///
    /// - Parameters:
    ///   - after: The ``OpenStream/id`` behind which the page begins; nil: the first.
    ///   - limit: At most so many, at least 1.
    /// - Returns: Nil where `after` is no id of this start.
    public func page(after: String? = nil, limit: Int) async -> (streams: [OpenStream], hasMore: Bool)? {
        let last = after.flatMap { OpenStreamID($0) }
        guard after == nil || last?.start == start else { return nil }
        return await withLoops { [start] loops in
            var found: [(number: Int, stream: OpenStream)] = []
            for (index, loop) in loops.enumerated() {
                let page = try? await loop.eventLoop.submit {
                    loop.value.shard.openStreams(after: last?.number ?? -1, limit: limit + 1) {
                        OpenStreamID(start: start, stream: $0, loop: index, of: loops.count)
                    }
                }.get()
                found += page ?? []
            }
            found.sort { $0.number < $1.number }
            return (found.prefix(limit).map(\.stream), found.count > limit)
        }
    }

    /// Ends a stream as a shutdown would: its client may come back.
    ///
    /// - Returns: Whether it was open.
    public func end(_ id: String) async -> Bool {
        guard let id = OpenStreamID(id), id.start == start else { return false }
        return await withLoops { loops in
            guard !loops.isEmpty else { return false }
            let (loop, number) = (loops[id.number % loops.count], id.number / loops.count)
            return (try? await loop.eventLoop.submit { loop.value.shard.end(number) }.get()) ?? false
        }
    }
}

extension Shard {
    /// Some of its open streams, and of its sockets that follow nothing, ascending by number.
    ///
    /// - Parameter id: Of a stream's number on this loop.
    fileprivate func openStreams(
        after last: Int,
        limit: Int,
        _ id: (Int) -> OpenStreamID
    ) -> [(number: Int, stream: OpenStream)] {
        let open: [any Shown] = allStreams.filter(\.isOpen) + sockets.all.filter(\.followsNothing)
        let later = open.filter { id($0.number).number > last }
        return later.sorted { $0.number < $1.number }.prefix(limit).map { shown in
            let id = id(shown.number)
            return (id.number, shown.description(id: id.text))
        }
    }

    /// - Returns: Whether it was open.
    fileprivate func end(_ number: Int) -> Bool {
        if let socket = sockets[number], socket.isOpen {
            socket.goAway()
            return true
        }
        guard let stream = streams[number], stream.isOpen else { return false }
        stream.end()
        return true
    }
}

/// What operators see of a loop.
private protocol Shown {
    /// On its loop.
    var number: Int { get }
    func description(id: String) -> OpenStream
}

extension Subscriber: Shown {}
extension SocketHandler: Shown {}
