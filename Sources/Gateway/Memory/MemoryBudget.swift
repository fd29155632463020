import Synchronization

/// How much memory one kind of thing takes over all connections, and how much it may take.
///
/// Safe to use from any thread.
final class MemoryBudget: Sendable {
    private struct State {
        var used = 0
        /// The most since the last look.
        var peak = 0
    }

    /// In bytes.
    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var used: Int { state.withLock { $0.used } }

    /// Takes bytes, unless that would pass the limit or the share of it that is given.
    ///
    /// - Returns: Whether they were taken.
    func take(_ bytes: Int, ofShare share: Int? = nil) -> Bool {
        state.withLock { state in
            guard state.used + bytes <= share ?? limit else { return false }
            state.used += bytes
            state.peak = max(state.peak, state.used)
            return true
        }
    }

    func giveBack(_ bytes: Int) {
        state.withLock { $0.used -= bytes }
    }

    /// The most that was taken since the last call, and what is taken now.
    func takePeak() -> (peak: Int, used: Int) {
        state.withLock { state in
            defer { state.peak = state.used }
            return (state.peak, state.used)
        }
    }
}

/// Bytes of a budget, given back when it is let go of.
final class BudgetShare: Sendable {
    private let budget: MemoryBudget
    private let bytes = Atomic(0)

    init(of budget: MemoryBudget) {
        self.budget = budget
    }

    /// - Returns: Whether they were taken.
    func take(_ count: Int, ofShare share: Int? = nil) -> Bool {
        guard budget.take(count, ofShare: share) else { return false }
        bytes.wrappingAdd(count, ordering: .relaxed)
        return true
    }

    deinit {
        budget.giveBack(bytes.load(ordering: .relaxed))
    }
}
