import Dispatch
import NIOCore
import Synchronization

/// Ends granted streams at once, from any thread: when somebody signs out, or a token is taken back.
///
/// Give the same one to all streams that end together (``StreamGrant/end``). Each ends as at a shutdown, so that its client
/// asks anew, and is refused then.
public final class StreamEnd: Sendable {
    private struct State {
        var isOver = false
        var lastNumber = 0
        /// Open streams: each has itself ended on its loop, and calls back when that is done.
        var streams: [Int: @Sendable (@escaping @Sendable () -> Void) -> Void] = [:]
    }

    private let state = Mutex(State())

    /// For streams that may go on until ``end()``.
    public init() {}

    /// Whether it was called: a stream that is granted after that ends as it begins.
    public var isOver: Bool { state.withLock { $0.isOver } }

    /// Ends the streams, and returns when nothing more is written to any of them.
    public func end() async {
        let ended = DispatchGroup()
        state.withLock { state in
            state.isOver = true
            // Called for those that are attached: they detach before their loops end. All at once, since each takes a turn of
            // its loop.
            for endStream in state.streams.values {
                ended.enter()
                endStream { ended.leave() }
            }
            state.streams = [:]
        }
        await withCheckedContinuation { done in ended.notify(queue: .global()) { done.resume() } }
    }

    /// Streams that begin from now on end at once; those there are go on until ``end()``.
    func refuse() {
        state.withLock { $0.isOver = true }
    }

    /// - Parameter end: Ends the stream, in any thread, and calls what it is given when that is done.
    /// - Returns: A number to detach it with; nil where the stream is to end now.
    func attach(_ end: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) -> Int? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            state.lastNumber += 1
            state.streams[state.lastNumber] = end
            return state.lastNumber
        }
    }

    func detach(_ number: Int) {
        state.withLock { $0.streams[number] = nil }
    }
}
