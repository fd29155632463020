import NIOCore
import Testing

@testable import Gateway

struct RateLimitTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test(
        arguments: [
            ("10/s", Rate(perSecond: 10, burst: 10)), ("10/s,50", Rate(perSecond: 10, burst: 50)),
            ("0.5/s", Rate(perSecond: 0.5, burst: 1)), ("1/s,1", Rate(perSecond: 1, burst: 1)),
        ]
    )
    func `rates are written like this`(text: String, expected: Rate) {
        #expect(Rate(text) == expected)
    }

    @Test(arguments: [
        "", "10", "10/m", "0/s", "-1/s", "10/s,0", "10/s,", "10/s,5,5", "x/s", "1e3/s", "inf/s", "10/s,0.5",
    ])
    func `what is no rate`(text: String) {
        #expect(Rate(text) == nil)
    }

    @Test func `a burst, and then the rate`() {
        let limit = RateLimit<Int>(Rate(perSecond: 10, burst: 5))
        var now = Self.start
        for _ in 0..<5 { #expect(limit.take(of: 1, now: now) == nil) }
        #expect(limit.take(of: 1, now: now) == .milliseconds(100))
        #expect(limit.take(of: 2, now: now) == nil)
        now = now + .milliseconds(100)
        #expect(limit.take(of: 1, now: now) == nil)
        #expect(limit.take(of: 1, now: now) != nil)
        now = now + .seconds(60)
        for _ in 0..<5 { #expect(limit.take(of: 1, now: now) == nil) }
        #expect(limit.take(of: 1, now: now) != nil)
    }

    @Test func `a large batch is let in and waited for`() {
        let limit = RateLimit<Int>(Rate(perSecond: 10, burst: 5))
        #expect(limit.take(of: 1, now: Self.start) == nil)
        limit.charge(99, to: 1, now: Self.start)
        #expect(limit.take(of: 1, now: Self.start + .seconds(9)) != nil)
        #expect(limit.take(of: 1, now: Self.start + .seconds(10)) == nil)
    }

    @Test func `a crowd of keys takes no more memory than is allowed`() {
        let limit = RateLimit<Int>(Rate(perSecond: 1, burst: 1), maximumKeys: 100)
        for key in 0..<100_000 {
            _ = limit.take(of: key, now: Self.start)
            #expect(limit.keys <= 100)
        }
        // Beyond that they share a bucket.
        #expect(limit.take(of: 200_000, now: Self.start) != nil)
        // Full buckets are forgotten.
        #expect(limit.take(of: 200_000, now: Self.start + .seconds(10)) == nil)
        #expect(limit.keys == 1)
    }

    @Test func `seats are given back`() {
        let counts = SeatCounts<String>()
        var seats = [counts.take("a"), counts.take("a"), counts.take("b")]
        #expect(seats.map(\.number) == [1, 2, 1])
        seats.removeFirst()
        #expect(counts.take("a").number == 2)
        seats = []
        #expect(counts.keys == 0)
    }
}
