import Broker
import HTTPTypes
import NIOCore

/// Answers of history, which may be large and wait long for slow clients: those that wait for their sockets are bounded in
/// bytes, over all connections. What is being made comes on top; that is little, since the store has few readers.
///
/// Safe to use from any thread.
final class LargeAnswers: Sendable {
    /// From this size on an answer counts: smaller ones fit a socket's own buffer.
    static let leastBytes = 64 << 10

    let budget: MemoryBudget

    init(limit: Int) {
        budget = MemoryBudget(limit: limit)
    }

    /// Makes an answer, if there is room for one.
    ///
    /// - Parameter held: Takes the answer's bytes, until the client has them.
    /// - Throws: ``Problem``: 503 where too much waits for slow clients already; what `make` throws.
    func make(holding held: BudgetShare, _ make: () async throws -> Answer) async throws -> Answer {
        guard budget.used + Self.leastBytes <= budget.limit else { throw isFull }
        let answer = try await make()
        let bytes = answer.body.readableBytes
        guard bytes < Self.leastBytes || hold(bytes, held) else { throw isFull }
        return answer
    }

    /// Whether there is room for so many bytes. One answer goes out whatever its size, where no other waits.
    func hold(_ bytes: Int, _ held: BudgetShare) -> Bool {
        held.take(bytes) || (budget.used == 0 && held.take(bytes, ofShare: max(bytes, budget.limit)))
    }

    var isFull: Problem {
        Problem(
            .serviceUnavailable,
            "History that other clients read slowly fills the memory that it may take (\(GatewayConfiguration.Settings.maxAnswersSize) \(budget.limit)). "
                + "Try again in a moment, or ask for fewer messages with limit=.",
            headers: [.retryAfter: "1"],
            rejection: .answers
        )
    }
}
