import Broker
import NIOCore
import Testing

@testable import Gateway

/// Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
struct MetricsTextTests {
    private static func text(_ families: MetricFamily...) -> String {
        var buffer = ByteBuffer()
        MetricsText.write(families, into: &buffer)
        return String(buffer: buffer)
    }

    @Test func `a counter, and a gauge with labels`() {
        #expect(
            Self.text(
                .counter("a_total", "What \\ is\nseen.", 3),
                .labelled(.gauge, "b", "B.", by: "kind", [("x\"y\\z\n", .real(0.25)), ("u", .whole(-1))])
            ) == """
                # HELP a_total What \\\\ is\\nseen.
                # TYPE a_total counter
                a_total 3
                # HELP b B.
                # TYPE b gauge
                b{kind="x\\"y\\\\z\\n"} 0.25
                b{kind="u"} -1

                """
        )
    }

    @Test func `a histogram has buckets, a sum and a count`() {
        let histogram = Histogram(bounds: [500_000, 1_000_000_000])
        for value in [100_000, 500_000, 2_000_000, 3_000_000_000] { histogram.observe(value) }
        #expect(
            Self.text(.seconds("t_seconds", "T.", histogram)) == """
                # HELP t_seconds T.
                # TYPE t_seconds histogram
                t_seconds_bucket{le="0.0005"} 2
                t_seconds_bucket{le="1"} 3
                t_seconds_bucket{le="+Inf"} 4
                t_seconds_sum 3.0026
                t_seconds_count 4

                """
        )
        let sizes = Histogram(bounds: [1, 2])
        sizes.observe(2)
        #expect(Self.text(.histogram("n", "N.", sizes)).contains("n_bucket{le=\"1\"} 0\nn_bucket{le=\"2\"} 1\n"))
    }
}
