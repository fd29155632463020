import Broker
import DequeModule
import HTTPTypes
import NIOCore
import Synchronization

/// Answers of history, which may be large and wait long for slow clients: few are made at a time, and those that wait for
/// their sockets are bounded in bytes.
///
/// Safe to use from any thread.
final class LargeAnswers: Sendable {
    private struct Making {
        var count = 0
        /// No more than there are connections: each asks for one thing at a time.
        var waiters: Deque<CheckedContinuation<Void, Never>> = []
    }

    /// So many are read and encoded at the same time. What they take comes on top of the budget.
    private static let maximumMaking = 4
    /// From this size on an answer counts: smaller ones fit a socket's own buffer.
    static let leastBytes = 64 << 10

    let budget: MemoryBudget
    private let making = Mutex(Making())

    init(limit: Int) {
        budget = MemoryBudget(limit: limit)
    }

    /// Makes an answer, when there is a place for it.
    ///
    /// - Parameter held: Takes the answer's bytes, until the client has them.
    /// - Throws: ``Problem``: 503 where too much waits for slow clients already; what `make` throws.
    func make(holding held: BudgetShare, _ make: () async throws -> Answer) async throws -> Answer {
        guard budget.used + Self.leastBytes <= budget.limit else { throw isFull }
        await beginMaking()
        defer { endMaking() }
        let answer = try await make()
        let bytes = answer.body.readableBytes
        guard bytes < Self.leastBytes || held.take(bytes) || holdsAlone(bytes, held) else { throw isFull }
        return answer
    }

    /// One answer goes out whatever its size, where no other waits.
    private func holdsAlone(_ bytes: Int, _ held: BudgetShare) -> Bool {
        budget.used == 0 && held.take(bytes, ofShare: max(bytes, budget.limit))
    }

    private var isFull: Problem {
        Problem(
            .serviceUnavailable,
            "History that other clients read slowly fills the memory that it may take (--max-answers-size \(budget.limit)). "
                + "Try again in a moment, or ask for fewer messages with limit=.",
            headers: [.retryAfter: "1"]
        )
    }

    private func beginMaking() async {
        await withCheckedContinuation { waiter in
            let isFree = making.withLock { making in
                guard making.count < Self.maximumMaking else {
                    making.waiters.append(waiter)
                    return false
                }
                making.count += 1
                return true
            }
            if isFree { waiter.resume() }
        }
    }

    private func endMaking() {
        let next = making.withLock { making in
            // The place goes to the next one.
            let next = making.waiters.popFirst()
            if next == nil { making.count -= 1 }
            return next
        }
        next?.resume()
    }
}
