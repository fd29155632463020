import Broker
import Foundation
import GRDB
import Gateway
import NIOCore
import NIOFoundationCompat
import Synchronization

/// Measures the broker once a second, for the admin's overview. The figures are messages of a group of their own, which
/// nobody stores; the last few minutes are kept here for a page that opens.
final class Statistics: Sendable {
    struct Sample: Encodable, Sendable {
        var time: Int64
        var connections: Int
        var streams: Int
        /// Streams that read from memory or the store until they have caught up.
        var catching_up: Int
        /// A second.
        var deliveries: Int
        /// A second.
        var publishes: Int
        /// The mean time of the publishes over HTTP, in milliseconds; nil where there were none.
        var publish_milliseconds: Double?
        /// Publishes that wait for the store.
        var waiting: Int
        var database_bytes: Int
    }

    private struct Totals {
        var deliveries = 0
        var publishes = 0
        var publishNanoseconds = 0
        var time = Timestamp.now()
        var samples: [Sample] = []
    }

    let group: GroupName
    private let log: MessageLog
    private let store: SQLiteMessageStore
    private let counters: Counters
    private let totals = Mutex(Totals())
    private static let kept = 120

    init(log: MessageLog, store: SQLiteMessageStore, counters: Counters, group: GroupName) {
        (self.log, self.store, self.counters, self.group) = (log, store, counters, group)
    }

    /// The last two minutes.
    var samples: [Sample] { totals.withLock { $0.samples } }

    func sample() async {
        let bytes = try? await store.readTables { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            return pages * (try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
        }
        let sample = totals.withLock { next(&$0, databaseBytes: bytes ?? 0) }
        guard let data = try? StoredText.encode(sample),
            let draft = try? MessageDraft(group: group, data: ByteBuffer(data: data))
        else { return }
        try? log.publishUnstored(draft)
    }

    private func next(_ totals: inout Totals, databaseBytes: Int) -> Sample {
        let now = Timestamp.now()
        let seconds = max(0.001, Double(now.milliseconds - totals.time.milliseconds) / 1000)
        let (deliveries, publishes) = (counters.deliveries.value, counters.publishTimes.count)
        let nanoseconds = counters.publishTimes.sum
        let published = publishes - totals.publishes
        let sample = Sample(
            time: now.milliseconds,
            connections: counters.connections.value,
            streams: counters.streams.value,
            catching_up: max(0, counters.streams.value - counters.liveStreams.value),
            deliveries: Int(Double(deliveries - totals.deliveries) / seconds),
            publishes: Int(Double(published) / seconds),
            publish_milliseconds: published > 0
                ? Double((nanoseconds - totals.publishNanoseconds) / published) / 1e6 : nil,
            waiting: log.waitingPublishes,
            database_bytes: databaseBytes
        )
        totals.deliveries = deliveries
        totals.publishes = publishes
        totals.publishNanoseconds = nanoseconds
        totals.time = now
        totals.samples.append(sample)
        if totals.samples.count > Self.kept { totals.samples.removeFirst(totals.samples.count - Self.kept) }
        return sample
    }
}
