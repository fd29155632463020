public import Logging

/// Removes what has had its time: messages whose `ttl` has ended, what a ``RetentionPolicy`` does not keep, idempotency
/// keys, free pages of the file.
///
/// It goes in small steps through the store's one writer, which takes publishes between them.
public struct Retention: Sendable {
    /// The log from which it removes.
    public let log: MessageLog
    /// What is kept.
    public let policy: RetentionPolicy
    private let logger: Logger

    /// - Parameter logger: Told of what was removed, and of failures.
    public init(log: MessageLog, policy: RetentionPolicy = RetentionPolicy(), logger: Logger) {
        (self.log, self.policy, self.logger) = (log, policy, logger)
    }

    /// One pass over everything.
    ///
    /// - Returns: How many messages were removed.
    /// - Throws: ``BrokerError``: `storeUnavailable`. The next pass begins anew.
    @discardableResult
    public func sweep() async throws(BrokerError) -> Int {
        try await sweep { _ in true }
    }

    /// A pass over messages whose `ttl` has ended: nearly free where there is none.
    @discardableResult
    public func sweepExpired() async throws(BrokerError) -> Int {
        try await sweep { $0.phase == SweepCursor.start.phase }
    }

    private func sweep(while isWanted: (SweepCursor) -> Bool) async throws(BrokerError) -> Int {
        var removed = 0
        var cursor: SweepCursor? = .start
        while let here = cursor, isWanted(here), !Task.isCancelled {
            let step = try await log.store.sweep(policy, from: here)
            removed += step.removed
            cursor = step.next
        }
        return removed
    }

    /// Sweeps until the task is cancelled: everything every `interval`, messages whose `ttl` has ended at least once a
    /// second. A pass that fails is tried again with the next one, and logged once until one succeeds.
    public func run(
        every interval: Duration = .seconds(10),
        clock: some Clock<Duration> = ContinuousClock()
    ) async {
        let pause = min(interval, .seconds(1))
        var sincePass = interval
        var isFailing = false
        while !Task.isCancelled {
            do throws(BrokerError) {
                if sincePass >= interval {
                    sincePass = .zero
                    try await sweep()
                } else {
                    try await sweepExpired()
                }
                if isFailing { logger.notice("Retention works again") }
                isFailing = false
            } catch {
                if !isFailing, !Task.isCancelled {
                    logger.error(
                        "Retention cannot remove messages now, and tries again",
                        metadata: ["error": "\(error)"]
                    )
                }
                isFailing = true
            }
            guard (try? await clock.sleep(for: pause)) != nil else { return }
            sincePass += pause
        }
    }
}
