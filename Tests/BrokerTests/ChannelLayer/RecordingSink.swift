import Synchronization

@testable import Broker

/// A sink that keeps what it gets.
final class RecordingSink: ChannelSink {
    private struct Record: Sendable {
        var texts: [String] = []
        var events: [String] = []
        var groups: [GroupName] = []
        /// How many messages were there at each end.
        var countsAtEnds: [Int] = []
        var closes = 0
    }

    private let record = Mutex(Record())
    private let whenDeliveriesEnd: @Sendable () -> Void
    private let whenGone: @Sendable () -> Void

    init(
        whenDeliveriesEnd: @escaping @Sendable () -> Void = {},
        whenGone: @escaping @Sendable () -> Void = {}
    ) {
        self.whenDeliveriesEnd = whenDeliveriesEnd
        self.whenGone = whenGone
    }

    deinit { whenGone() }

    var texts: [String] { record.withLock { $0.texts } }
    var events: [String] { record.withLock { $0.events } }
    var groups: [GroupName] { record.withLock { $0.groups } }
    var closes: Int { record.withLock { $0.closes } }
    var countsAtEnds: [Int] { record.withLock { $0.countsAtEnds } }

    func receive(_ message: Message, in group: GroupName) {
        record.withLock {
            $0.texts.append(message.text)
            $0.events.append(message.event)
            $0.groups.append(group)
        }
    }

    func deliveriesDidEnd() {
        record.withLock { $0.countsAtEnds.append($0.texts.count) }
        whenDeliveriesEnd()
    }

    func layerDidClose() {
        record.withLock { $0.closes += 1 }
    }
}
