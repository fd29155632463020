import NIOCore
import Testing

@testable import Gateway

struct LoopLagTests {
    private static func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }

    @Test func `a timer that calls late is that late`() {
        let lag = LoopLag()
        #expect(lag.current(at: Self.time(5)) == 0)
        lag.wait(until: Self.time(10))
        #expect(lag.called(at: Self.time(10)) == 0)
        lag.wait(until: Self.time(11))
        #expect(lag.called(at: Self.time(13)) == 2_000_000_000)
        lag.wait(until: Self.time(14))
        #expect(lag.current(at: Self.time(13)) == 2_000_000_000)
        // It was early, as timers of the test's clock may be.
        #expect(lag.called(at: Self.time(13)) == 0)
    }

    @Test func `a loop that stands still shows it before it goes on`() {
        let lag = LoopLag()
        lag.wait(until: Self.time(10))
        #expect(lag.current(at: Self.time(17)) == 7_000_000_000)
        #expect(lag.called(at: Self.time(18)) == 8_000_000_000)
        lag.wait(until: Self.time(19))
        #expect(lag.current(at: Self.time(19)) == 8_000_000_000)
    }
}
