import Broker

/// A metric with all its series, as they are at one moment.
struct MetricFamily: Sendable {
    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    enum Value: Sendable, Equatable {
        case whole(Int)
        case real(Double)
    }

    /// One series of the metric.
    struct Series: Sendable {
        /// What follows the metric's name: the parts of a histogram have names of their own.
        var suffix = ""
        var labels: [Label] = []
        let value: Value
        /// Whether it only grows.
        let isCounter: Bool
    }

    struct Label: Sendable, Hashable {
        let name: String
        let value: String
    }

    let name: String
    let kind: Kind
    /// One line of plain English.
    let help: String
    let series: [Series]
}

extension MetricFamily {
    static func counter(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
        MetricFamily(
            name: name,
            kind: .counter,
            help: help,
            series: [Series(value: .whole(value), isCounter: true)]
        )
    }

    static func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
        gauge(name, help, .whole(value))
    }

    static func gauge(_ name: String, _ help: String, _ value: Value) -> MetricFamily {
        MetricFamily(name: name, kind: .gauge, help: help, series: [Series(value: value, isCounter: false)])
    }

    /// One series for each value of a label.
    static func labelled(
        _ kind: Kind,
        _ name: String,
        _ help: String,
        by label: String,
        _ values: [(label: String, value: Value)]
    ) -> MetricFamily {
        MetricFamily(
            name: name,
            kind: kind,
            help: help,
            series: values.map { entry in
                Series(
                    labels: [Label(name: label, value: entry.label)],
                    value: entry.value,
                    isCounter: kind == .counter
                )
            }
        )
    }

    static func counter<Reason>(
        _ name: String,
        _ help: String,
        by label: String,
        _ tally: LabelledTally<Reason>
    ) -> MetricFamily {
        labelled(.counter, name, help, by: label, tally.values.map { ($0.label.rawValue, .whole($0.value)) })
    }

    /// - Parameter scale: The values' unit, in that of the metric's name; 1 for numbers of things.
    static func histogram(_ name: String, _ help: String, _ histogram: Histogram, scale: Double? = nil) -> MetricFamily
    {
        let snapshot = histogram.snapshot
        func value(_ number: Int) -> Value { scale.map { .real(Double(number) * $0) } ?? .whole(number) }
        func bucket(_ bound: String, _ count: Int) -> Series {
            Series(
                suffix: "_bucket",
                labels: [Label(name: "le", value: bound)],
                value: .whole(count),
                isCounter: true
            )
        }
        var series = zip(histogram.bounds, snapshot.cumulative).map { bound, count in
            bucket(value(bound).text, count)
        }
        series.append(bucket("+Inf", snapshot.count))
        series.append(Series(suffix: "_sum", value: value(snapshot.sum), isCounter: true))
        series.append(Series(suffix: "_count", value: .whole(snapshot.count), isCounter: true))
        return MetricFamily(name: name, kind: .histogram, help: help, series: series)
    }

    /// Of durations in nanoseconds.
    static func seconds(_ name: String, _ help: String, _ histogram: Histogram) -> MetricFamily {
        .histogram(name, help, histogram, scale: 1e-9)
    }
}

extension MetricFamily.Value {
    /// As Prometheus reads it.
    var text: String {
        switch self {
        case .whole(let number): "\(number)"
        case .real(let number): number.rounded() == number && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
        }
    }
}
