import Synchronization

/// Lets reads begin in their turns, see ``ReadSchedule``. A read whose task is cancelled leaves its line at once.
///
/// Safe to use from any thread.
final class ReadTurns: Sendable {
    private struct State {
        var schedule: ReadSchedule
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
        var lastTicket = 0

        /// Those whose turn has come.
        mutating func next() -> [CheckedContinuation<Void, any Error>] {
            var ready: [CheckedContinuation<Void, any Error>] = []
            while let ticket = schedule.next() {
                if let waiter = waiters.removeValue(forKey: ticket) { ready.append(waiter) }
            }
            return ready
        }
    }

    private let state: Mutex<State>

    init(readers: Int) {
        state = Mutex(State(schedule: ReadSchedule(readers: readers)))
    }

    /// How many reads wait for their turn.
    var waiting: Int { state.withLock { $0.schedule.waiting } }

    /// Runs a read when its turn has come.
    ///
    /// - Throws: `CancellationError` where the task was cancelled before; else what the read throws.
    func take<Value>(_ length: ReadLength, _ read: () async throws -> Value) async throws -> Value {
        try await begin(length)
        defer { end(length) }
        return try await read()
    }

    private func begin(_ length: ReadLength) async throws {
        let client = ReadClient.current
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let ready = state.withLock { state -> [CheckedContinuation<Void, any Error>]? in
                    // The handler below, should it have run already, has found nothing.
                    guard !Task.isCancelled else { return nil }
                    state.waiters[ticket] = continuation
                    state.schedule.add(ticket, length, of: client)
                    return state.next()
                }
                guard let ready else { return continuation.resume(throwing: CancellationError()) }
                for continuation in ready { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.schedule.withdraw(ticket) ? state.waiters.removeValue(forKey: ticket) : nil
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func end(_ length: ReadLength) {
        let ready = state.withLock { state in
            state.schedule.ended(length)
            return state.next()
        }
        for continuation in ready { continuation.resume() }
    }
}
