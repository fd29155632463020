import NIOCore
import Synchronization

/// What a message log counts of its batches. Reading never waits.
public final class LogCounters: Sendable {
    /// How long batches took to be stored and handed over, in nanoseconds.
    public let commitTimes = Histogram.ofDurations()
    /// How many messages were stored together.
    public let batchSizes = Histogram.ofSizes()
    /// Batches that the store did not take: all of their publishers were refused.
    public let failedBatches = Tally()
    /// When the batch that is being stored was taken. The store's one writer sets and reads it.
    private let began = Atomic<UInt64>(0)

    /// All at zero.
    public init() {}

    /// The writer takes a batch.
    func batchBegan() {
        began.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed)
    }

    /// Its batch is stored and handed over, or was refused.
    func batchEnded(_ outcomes: [MessageLog.Outcome]) {
        var stored = 0
        var hasFailed = false
        for outcome in outcomes {
            switch outcome {
            case .success: stored += 1
            case .failure(let error): hasFailed = hasFailed || error.code == .storeUnavailable
            }
        }
        guard stored > 0 else { return hasFailed ? failedBatches.add(1) : () }
        let time = NIODeadline.now().uptimeNanoseconds - began.load(ordering: .relaxed)
        commitTimes.observe(Int(clamping: time))
        batchSizes.observe(stored)
    }
}
