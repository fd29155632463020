import Broker
import NIOCore
import Synchronization

/// The open connections, counted; tells when there are none.
final class OpenCount: Sendable {
    private let counters: Counters
    private let limit: Int
    private let operations = Atomic<Int>(0)
    private let waiter = Mutex<EventLoopPromise<Void>?>(nil)

    /// Connections over the limit that are still answered, so that they learn why; beyond them they are just closed.
    private static let answeredOverLimit = 1000

    init(counters: Counters, limit: Int) {
        (self.counters, self.limit) = (counters, limit)
    }

    var count: Int { counters.connections.value }

    /// Counts a connection until its channel is closed.
    ///
    /// - Returns: False: there is no room for it.
    func add(_ channel: any Channel, _ entrance: Arrival.Entrance) -> Bool {
        let isForOperations = entrance == .operations
        let hasRoom =
            isForOperations
            ? operations.value < OperationsPort.maximumConnections : count < limit + Self.answeredOverLimit
        guard hasRoom else {
            counters.rejections.add(1, .connections)
            return false
        }
        counters.connections.add(1)
        if isForOperations { operations.add(1) }
        channel.closeFuture.whenComplete { _ in
            self.counters.connections.add(-1)
            if isForOperations { self.operations.add(-1) }
            if self.count == 0 { self.giveUp() }
        }
        return true
    }

    func whenNone(_ promise: EventLoopPromise<Void>) {
        waiter.withLock { $0 = promise }
        if count == 0 { giveUp() }
    }

    func giveUp() {
        waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }?.succeed()
    }
}
