import NIOCore
import Testing

@testable import Gateway

/// When a refused origin is logged.
struct RefusedOriginsTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `a refused origin is logged at most once a minute`() {
        var origins = RefusedOrigins()
        let asked: [(String, Int64)] = [("a", 0), ("a", 59), ("b", 59), ("a", 60), ("a", 61)]
        let logged = asked.map { origin, second in origins.isNews(origin, at: start + .seconds(second)) }
        #expect(logged == [true, false, true, true, false])
    }

    @Test func `many origins fill neither memory nor log`() {
        var origins = RefusedOrigins()
        var logged = 0
        for number in 0..<100_000 where origins.isNews("a\(number)", at: start) { logged += 1 }
        #expect(logged == RefusedOrigins.maximumCount)
        #expect(origins.count == RefusedOrigins.maximumCount)
        let isNews = origins.isNews("b", at: start + .seconds(61))
        #expect(isNews)
        #expect(origins.count == 1)
    }
}
