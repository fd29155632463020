import Dispatch
import Synchronization

/// Work that other threads do for the event loops: publishes, requests in the router, reads of the store. Each ends with a
/// call onto its loop, so the loops must outlive all of them.
///
/// Safe to use from any thread.
final class OutsideWork: Sendable {
    private struct State {
        var count = 0
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let parser = DispatchQueue(label: "notify.bodies")

    func begin() {
        state.withLock { $0.count += 1 }
    }

    /// To be called on the loop, or when the last call onto it has been enqueued.
    func end() {
        let waiters = state.withLock { state in
            state.count -= 1
            guard state.count == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Begins a task whose last act is a call onto its loop.
    @discardableResult
    func run(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        begin()
        let counted: @Sendable () async -> Void = {
            await work()
            self.end()
        }
        return Task(operation: counted)
    }

    /// Reads a large body, one after the other on a thread of their own: however many wait, the threads that answer requests
    /// and read the store stay free.
    ///
    /// - Parameter work: Its last act is a call onto its loop.
    func parse(_ work: @escaping @Sendable () -> Void) {
        begin()
        parser.async {
            work()
            self.end()
        }
    }

    /// Ends every wait.
    func giveUp() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns once nothing is under way, or somebody gave up.
    func waitForEnd() async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if state.count > 0 { state.waiters.append(waiter) }
                return state.count == 0
            }
            if isOver { waiter.resume() }
        }
    }
}
