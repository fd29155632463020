#if THREAD_SANITIZER
import NIOConcurrencyHelpers

/// Stands in for `Synchronization.Mutex` when the tests run under the thread sanitizer (`make test-thread`), which does
/// not see the order that a futex-based lock makes and reports every access under it as a race.
/// A pthread lock it understands.
package final class Mutex<Value: ~Copyable>: @unchecked Sendable {
    private let lock = NIOLock()
    // Only touched under the lock, which is why the class may claim to be Sendable.
    private var value: Value

    package init(_ value: consuming sending Value) {
        self.value = value
    }

    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
#endif
