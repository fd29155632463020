import Broker
import NIOCore
import Synchronization

/// How late an event loop comes to what it has to do: how much later than planned its timer calls.
///
/// The timer is there in any case, once a second; an idle loop wakes no more often for this. Safe to read from any thread.
final class LoopLag: Sendable {
    /// When the timer should call next, in the loops' own time; 0 before it has begun.
    private let due = Atomic<UInt64>(0)
    /// In nanoseconds.
    private let last = Atomic<Int>(0)

    /// The timer will call at this time.
    func wait(until time: NIODeadline) {
        due.store(time.uptimeNanoseconds, ordering: .relaxed)
    }

    /// The timer calls.
    ///
    /// - Returns: How late, in nanoseconds.
    func called(at now: NIODeadline) -> Int {
        let lag = overdue(at: now)
        last.store(lag, ordering: .relaxed)
        return lag
    }

    /// How late the last call was, or, where the next one is overdue by more than that, how late it is already: a loop that
    /// stands still shows while it does.
    func current(at now: NIODeadline) -> Int {
        max(last.load(ordering: .relaxed), overdue(at: now))
    }

    private func overdue(at now: NIODeadline) -> Int {
        let due = due.load(ordering: .relaxed)
        guard due > 0, now.uptimeNanoseconds > due else { return 0 }
        return Int(clamping: now.uptimeNanoseconds - due)
    }
}

/// Those of all event loops, in the order in which they were made.
final class LoopLags: Sendable {
    private let lags = Mutex<[LoopLag]>([])

    func add() -> LoopLag {
        let lag = LoopLag()
        lags.withLock { $0.append(lag) }
        return lag
    }

    var all: [LoopLag] { lags.withLock { $0 } }
}
