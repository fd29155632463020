import NIOCore
import Testing

@testable import Gateway

struct LogQuotaTests {
    private static func time(_ seconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000_000) + .seconds(seconds)
    }

    @Test func `a flood is cut, and the rest is told`() {
        var quota = LogQuota<String>()
        let written = (0..<100).filter { _ in quota.take("a", now: Self.time(0)) }.count
        #expect(written == LogQuota<String>.lines)
        // Another kind has lines of its own.
        let isOther = quota.take("b", now: Self.time(0))
        #expect(isOther)
        let early = quota.takeLeftOut(now: Self.time(9))
        #expect(early.isEmpty)
        // Late, but not yet told: it goes on with the rest.
        let isLate = quota.take("a", now: Self.time(11))
        #expect(!isLate)
        let told = quota.takeLeftOut(now: Self.time(11))
        #expect(told.map(\.kind) == ["a"])
        #expect(told.map(\.count) == [81])
        let again = quota.take("a", now: Self.time(11))
        #expect(again)
        let late = quota.takeLeftOut(now: Self.time(30))
        #expect(late.isEmpty)
    }

    @Test func `few lines are all written`() {
        var quota = LogQuota<String>()
        for second in 0..<200 {
            let isWritten = quota.take("a", now: Self.time(Int64(second)))
            #expect(isWritten)
        }
    }
}
