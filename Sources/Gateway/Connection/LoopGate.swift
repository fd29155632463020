import NIOCore
import Synchronization

/// The way onto an event loop for other threads. It is shut before the loop ends: a loop that has ended must not be given
/// work, and whoever has some for it (a channel layer, a read of the store, a route) does not know of the end.
final class LoopGate: Sendable {
    private let eventLoop: any EventLoop
    private let isOpen = Mutex(true)

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Runs work on the loop, in the order of the calls; after ``shut()`` it is dropped, as its connections are gone.
    func execute(_ work: @escaping @Sendable () -> Void) {
        // Under the lock, so that nothing passes once `shut` has returned.
        isOpen.withLock { if $0 { eventLoop.execute(work) } }
    }

    func shut() {
        isOpen.withLock { $0 = false }
    }
}
