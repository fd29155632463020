import Broker
import Logging
import ServiceLifecycle
import Synchronization

/// Removes what is not to be kept, for as long as the server runs.
final class RetentionService: Service {
    private let log: MessageLog
    private let logger: Logger
    private let policies: AsyncStream<RetentionPolicy>
    private let changes: AsyncStream<RetentionPolicy>.Continuation

    init(_ log: MessageLog, _ policy: RetentionPolicy, _ logger: Logger) {
        (self.log, self.logger) = (log, logger)
        (policies, changes) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        changes.yield(policy)
    }

    /// Another policy counts from now on.
    func change(to policy: RetentionPolicy) {
        changes.yield(policy)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var sweeping: Task<Void, Never>?
            for await policy in policies {
                sweeping?.cancel()
                await sweeping?.value
                let retention = Retention(log: log, policy: policy, logger: logger)
                sweeping = Task { await retention.run() }
            }
            // The store is not closed under a sweep.
            sweeping?.cancel()
            await sweeping?.value
        }
    }
}
