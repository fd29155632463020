import Dispatch
import NIOPosix
import Synchronization

/// For code that is no task, such as a callback of a C library or a program without Swift concurrency.
///
/// ``ChannelLayer/groupSend(_:to:)`` needs none of this: it never waits.
extension MessageLog {
    /// As ``publish(_:)-(MessageDraft)``, from synchronous code: the calling thread waits until the message is durable and
    /// handed over.
    ///
    /// Call it on a thread of your own (`Thread`, `DispatchQueue`). An event loop would serve nobody meanwhile, and tasks share
    /// a few threads, which could all be waiting here: on those it is refused. Not to be called by what the log itself calls,
    /// such as a ``ChannelSink``: the log would wait for itself.
    ///
    /// - Throws: ``BrokerError``: `wouldBlock` on an event loop and in a task; else what `publish` throws. Nothing was published.
    @discardableResult
    public func publishAndWait(_ draft: MessageDraft) throws(BrokerError) -> Message {
        guard MultiThreadedEventLoopGroup.currentEventLoop == nil else {
            throw BrokerError(
                .wouldBlock,
                "publishAndWait would stop an event loop: use publish(_:on:complete:) there, or a thread of your own."
            )
        }
        guard withUnsafeCurrentTask(body: { $0 == nil }) else {
            throw BrokerError(
                .wouldBlock,
                "publishAndWait would block a thread that all tasks share: use 'try await publish(…)' there, or a thread of your "
                    + "own."
            )
        }
        let done = DispatchSemaphore(value: 0)
        let result = Result()
        publish(draft, on: nil) { outcome in
            result.outcome.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        guard let outcome = result.outcome.withLock({ $0 }) else {
            throw BrokerError(.closed, "The log has given no answer.")
        }
        return try outcome.get().message
    }

    private final class Result: Sendable {
        let outcome = Mutex<Outcome?>(nil)
    }
}
