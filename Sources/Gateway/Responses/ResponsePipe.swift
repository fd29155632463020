import NIOCore
import Synchronization

/// The way from tasks that make a body to the event loop that writes it, with back-pressure: ``PipeState`` decides.
///
/// Safe to use from any thread.
final class ResponsePipe: Sendable {
    private struct State {
        var pipe = PipeState()
        /// Has the loop take what is here; nil before it has begun.
        var wake: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    // MARK: The tasks' side

    /// Returns when the part was taken, and the client takes more.
    ///
    /// - Throws: `CancellationError`: the client is gone, the response has ended, or the task is cancelled.
    func write(_ part: ByteBuffer) async throws {
        let (offer, wake) = state.withLock { ($0.pipe.offer(part), $0.wake) }
        switch offer {
        case .taken(let wakes):
            if wakes { wake?() }
        case .closed:
            throw CancellationError()
        case .full(let number):
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { wait in
                    // Asked under the lock: a task is marked as cancelled before its handler runs.
                    let (wakes, wake) = state.withLock { state in
                        (state.pipe.wait(number, part, wait, isCancelled: Task.isCancelled), state.wake)
                    }
                    guard let wakes else { return wait.resume(throwing: CancellationError()) }
                    if wakes { wake?() }
                }
            } onCancel: {
                state.withLock { $0.pipe.cancel(number) }?.resume(throwing: CancellationError())
            }
        }
    }

    /// Nothing is written any more.
    func finish(_ end: PipeState.End = .finished) {
        let (wakes, wake) = state.withLock { ($0.pipe.finish(end), $0.wake) }
        if wakes { wake?() }
    }

    // MARK: The loop's side

    /// The loop takes what comes from now on. What has come is to be taken at once.
    ///
    /// - Parameter wake: Called on any thread.
    func begin(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
    }

    func take() -> PipeState.Load { state.withLock { $0.pipe.take() } }

    /// What was taken is written, or the socket's state has changed.
    func wrote(isWritable: Bool) {
        let (wrote, wake) = state.withLock { ($0.pipe.wrote(isWritable: isWritable), $0.wake) }
        for wait in wrote.ended { wait.resume() }
        if wrote.wakes { wake?() }
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
