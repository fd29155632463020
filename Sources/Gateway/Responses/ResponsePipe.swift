import NIOCore
import Synchronization

/// The way from tasks that make a body to the event loop that writes it, with back-pressure: ``PipeState`` decides.
///
/// Safe to use from any thread.
final class ResponsePipe: Sendable {
    private struct State {
        var pipe = PipeState()
        /// Has the loop take what is here; nil before it has begun, and once the client is gone. Called under the lock, so that
        /// no loop is called that has ended meanwhile.
        var wake: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    // MARK: The tasks' side

    /// Returns when the part was taken, and the client takes more.
    ///
    /// - Throws: `CancellationError`: the client is gone, the response has ended, or the task is cancelled.
    func write(_ part: ByteBuffer) async throws {
        let offer = state.withLock { state in
            let offer = state.pipe.offer(part)
            if case .taken(wakes: true) = offer { state.wake?() }
            return offer
        }
        switch offer {
        case .taken: return
        case .closed:
            throw CancellationError()
        case .full(let number):
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { wait in
                    // Asked under the lock: a task is marked as cancelled before its handler runs.
                    let waits = state.withLock { state in
                        let wakes = state.pipe.wait(number, part, wait, isCancelled: Task.isCancelled)
                        if wakes == true { state.wake?() }
                        return wakes != nil
                    }
                    if !waits { wait.resume(throwing: CancellationError()) }
                }
            } onCancel: {
                state.withLock { $0.pipe.cancel(number) }?.resume(throwing: CancellationError())
            }
        }
    }

    /// Nothing is written any more.
    func finish(_ end: PipeState.End = .finished) {
        state.withLock { state in if state.pipe.finish(end) { state.wake?() } }
    }

    // MARK: The loop's side

    /// The loop takes what comes from now on. What has come is to be taken at once.
    ///
    /// - Parameter wake: Called on any thread. It must not call the pipe.
    func begin(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
    }

    func take() -> PipeState.Load { state.withLock { $0.pipe.take() } }

    /// What was taken is written, or the socket's state has changed.
    func wrote(isWritable: Bool) {
        let ended = state.withLock { state in
            let wrote = state.pipe.wrote(isWritable: isWritable)
            if wrote.wakes { state.wake?() }
            return wrote.ended
        }
        for wait in ended { wait.resume() }
    }

    /// The client is gone.
    func close() {
        let failed = state.withLock { state in
            state.wake = nil
            return state.pipe.close()
        }
        for wait in failed { wait.resume(throwing: CancellationError()) }
    }
}
