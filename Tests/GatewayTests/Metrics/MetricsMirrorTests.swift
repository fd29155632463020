import Broker
import CoreMetrics
import MetricsTestKit
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1)))
struct MetricsMirrorTests {
    private static func families(_ count: Int, _ level: Double, _ histogram: Histogram) -> [MetricFamily] {
        [
            .counter("a_total", "A.", count), .gauge("g", "G.", .real(level)),
            .labelled(.counter, "l_total", "L.", by: "reason", [("x", .whole(count * 2)), ("y", .whole(0))]),
            .seconds("t_seconds", "T.", histogram),
        ]
    }

    @Test func `counters get what was added, gauges what is`() throws {
        let metrics = TestMetrics()
        var mirror = try #require(MetricsMirror(into: metrics))
        let histogram = Histogram(bounds: [1_000_000_000])
        histogram.observe(500_000_000)
        mirror.copy(Self.families(3, 1.5, histogram))
        histogram.observe(2_000_000_000)
        mirror.copy(Self.families(10, 0.5, histogram))
        // Read in the middle of a change: less than before is no news.
        mirror.copy(Self.families(9, 0.5, histogram))
        #expect(try metrics.expectCounter("a_total").values == [3, 7])
        #expect(try metrics.expectCounter("l_total", [("reason", "x")]).totalValue == 20)
        #expect(try metrics.expectCounter("l_total", [("reason", "y")]).totalValue == 0)
        #expect(try metrics.expectMeter("g").lastValue == 0.5)
        #expect(try metrics.expectCounter("t_seconds_bucket", [("le", "1")]).totalValue == 1)
        #expect(try metrics.expectCounter("t_seconds_bucket", [("le", "+Inf")]).totalValue == 2)
        #expect(try metrics.expectCounter("t_seconds_count").totalValue == 2)
    }

    @Test func `a program without a metrics system gets no copies`() {
        #expect(MetricsMirror(into: NOOPMetricsHandler.instance) == nil)
    }

    @Test func `a program's own metrics system has what the server counts`() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await TestServer.run { server async throws in
                #expect(try await server.post("/groups/g/messages", "x").status == 201)
            }
        }
        // The last copy is made when the gateway has stopped.
        #expect(try metrics.expectCounter("notify_publishes_total").totalValue == 1)
        #expect(try metrics.expectCounter("notify_publish_seconds_count").totalValue == 1)
        #expect(try metrics.expectMeter("notify_build_info", [("version", NotifyVersion.current)]).lastValue == 1)
    }
}
