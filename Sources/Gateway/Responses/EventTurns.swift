import NIOCore
import Synchronization

/// What an event stream of a program's own writes next: events in their order, and a heartbeat where there was none for long.
///
/// One task makes events and waits with each until it was written; one writes; time passes in a third. So no heartbeat breaks
/// into an event, and no event is made while the client takes none.
///
/// Safe to use from any thread.
final class EventTurns: Sendable {
    enum Turn {
        case event(ByteBuffer)
        case heartbeat
        /// The last.
        case end(End)
    }

    enum End {
        case finished
        case failed(any Error)
        /// The server stops.
        case stopped
    }

    private struct State {
        var event: ByteBuffer?
        /// Waits until its event was written.
        var maker: CheckedContinuation<Void, Never>?
        /// Waits for a turn.
        var writer: CheckedContinuation<Turn, Never>?
        var isHeartbeatDue = false
        var lastTurn: ContinuousClock.Instant
        var end: End?
        /// Whether nobody writes any more.
        var isOver = false

        mutating func next() -> Turn? {
            // A server that stops does not wait for what is made.
            if case .stopped? = end { return .end(.stopped) }
            if let event {
                self.event = nil
                return .event(event)
            }
            if let end { return .end(end) }
            guard isHeartbeatDue else { return nil }
            isHeartbeatDue = false
            return .heartbeat
        }
    }

    private let state: Mutex<State>

    init(now: ContinuousClock.Instant) {
        state = Mutex(State(lastTurn: now))
    }

    // MARK: Making

    /// Returns when the event was written, or never will be.
    func give(_ event: ByteBuffer) async {
        await withCheckedContinuation { maker in
            let isOver = state.withLock { state in
                guard !state.isOver else { return true }
                (state.event, state.maker) = (event, maker)
                return false
            }
            if isOver { maker.resume() } else { wakeWriter() }
        }
    }

    /// The first end counts.
    func end(_ end: End) {
        state.withLock { $0.end = $0.end ?? end }
        wakeWriter()
    }

    private func wakeWriter() {
        let woken: (CheckedContinuation<Turn, Never>, Turn)? = state.withLock { state in
            guard let writer = state.writer, let turn = state.next() else { return nil }
            state.writer = nil
            return (writer, turn)
        }
        if let (writer, turn) = woken { writer.resume(returning: turn) }
    }

    // MARK: Time

    /// Asks for a heartbeat if nothing was written for the interval.
    ///
    /// - Returns: When to ask again.
    func tick(_ interval: Duration, now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let again: ContinuousClock.Instant = state.withLock { state in
            let due = state.lastTurn + interval
            guard now >= due else { return due }
            state.isHeartbeatDue = true
            return now + interval
        }
        wakeWriter()
        return again
    }

    // MARK: Writing

    /// What to write. To be called again when that was done.
    func next(now: ContinuousClock.Instant) async -> Turn {
        let maker: CheckedContinuation<Void, Never>? = state.withLock { state in
            (state.lastTurn, state.isHeartbeatDue) = (now, false)
            // One whose event still waits came while the last turn was written.
            guard state.event == nil else { return nil }
            defer { state.maker = nil }
            return state.maker
        }
        maker?.resume()
        return await withCheckedContinuation { writer in
            let turn: Turn? = state.withLock { state in
                if let turn = state.next() { return turn }
                state.writer = writer
                return nil
            }
            if let turn { writer.resume(returning: turn) }
        }
    }

    /// Nothing is written any more.
    func close() {
        let maker = state.withLock { state in
            state.isOver = true
            defer { state.maker = nil }
            return state.maker
        }
        maker?.resume()
    }
}
