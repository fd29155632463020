import NIOCore
import Testing

@testable import Gateway

/// When a peer counts as gone, and when it only is slow, or was away for a moment.
@Suite
struct PeerHealthTests {
    private var health = PeerHealth(heartbeat: .seconds(8), stallTimeout: .seconds(60))

    /// - Parameter acknowledged: When the last acknowledgement came, while one is missing; nil where none is.
    private mutating func check(_ seconds: Int64, waiting: Int = 0, acknowledged: Int64? = nil) -> PeerHealth.Verdict {
        let now = NIODeadline.uptimeNanoseconds(0) + .seconds(1000 + seconds)
        return health.check(now, waitingBytes: waiting, mayPin: 100) {
            acknowledged.map { .unanswered(for: .seconds(seconds - $0)) } ?? .none
        }
    }

    @Test mutating func `a peer that stays silent is gone half a heartbeat after the first look`() {
        #expect(check(0) == .fine(waitingBytes: 0))
        #expect(check(4, acknowledged: -8) == .fine(waitingBytes: 0))
        #expect(check(6, acknowledged: -8) == .fine(waitingBytes: 0))
        #expect(check(8, acknowledged: -8) == .gone)
    }

    @Test mutating func `a moment without an answer ends no quiet stream`() {
        #expect(check(0, acknowledged: -8) == .fine(waitingBytes: 0))
        #expect(check(4) == .fine(waitingBytes: 0))
        #expect(check(8, acknowledged: 4) == .fine(waitingBytes: 0))
    }

    @Test mutating func `an answer between two looks starts the time anew`() {
        #expect(check(0, acknowledged: -8) == .fine(waitingBytes: 0))
        #expect(check(4, acknowledged: 2) == .fine(waitingBytes: 0))
        #expect(check(8, acknowledged: 2) == .gone)
    }

    @Test mutating func `a peer that answers and takes nothing is stalled after the time-out`() {
        #expect(check(0, waiting: 50) == .fine(waitingBytes: 50))
        #expect(check(50, waiting: 40) == .fine(waitingBytes: 40))
        #expect(check(110, waiting: 40) == .fine(waitingBytes: 40))
        #expect(check(111, waiting: 40) == .stalled)
    }

    @Test mutating func `a peer that takes everything starts the time-out anew`() {
        #expect(check(0, waiting: 50) == .fine(waitingBytes: 50))
        #expect(check(50) == .fine(waitingBytes: 0))
        #expect(check(100, waiting: 50) == .fine(waitingBytes: 50))
    }

    @Test mutating func `a peer pins no more than it may`() {
        #expect(check(0, waiting: 100) == .fine(waitingBytes: 100))
        #expect(check(1, waiting: 101) == .pinsTooMuch)
    }
}
