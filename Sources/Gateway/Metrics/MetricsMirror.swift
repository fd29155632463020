import CoreMetrics

/// Copies the figures into the metrics system of the program that runs the gateway (swift-metrics), under the same names.
///
/// What happens is counted once, by the gateway; a copy is made every ten seconds. Counters get what was added since the last
/// copy, gauges what is now, and each part of a histogram is a counter with the label `le`, as Prometheus has it. Nothing is
/// copied where the program has no metrics system.
///
/// Confined to the task that copies.
struct MetricsMirror {
    static let period = Duration.seconds(10)

    private let factory: any MetricsFactory
    private var copies: [Key: Copy] = [:]

    private struct Key: Hashable {
        let name: String
        let labels: [MetricFamily.Label]
    }

    /// Where a series goes.
    private enum Copy {
        case counter(Counter, told: Int)
        case realCounter(FloatingPointCounter, told: Double)
        case gauge(Meter)

        mutating func tell(_ value: MetricFamily.Value) {
            switch (self, value) {
            case (.counter(let counter, let told), .whole(let now)):
                // A sum of several figures, read one after the other, may be less for a moment.
                guard now > told else { return }
                counter.increment(by: now - told)
                self = .counter(counter, told: now)
            case (.realCounter(let counter, let told), .real(let now)):
                guard now > told else { return }
                counter.increment(by: now - told)
                self = .realCounter(counter, told: now)
            case (.gauge(let gauge), .whole(let now)): gauge.set(now)
            case (.gauge(let gauge), .real(let now)): gauge.set(now)
            case (.counter, .real), (.realCounter, .whole): break
            }
        }
    }

    /// - Returns: Nil where nobody would see it.
    init?(into factory: any MetricsFactory) {
        guard !(factory is NOOPMetricsHandler) else { return nil }
        self.factory = factory
    }

    /// Tells the metrics system what has changed.
    mutating func copy(_ families: [MetricFamily]) {
        for family in families {
            for series in family.series {
                let key = Key(name: family.name + series.suffix, labels: series.labels)
                var copy = copies[key] ?? make(key, series)
                copy.tell(series.value)
                copies[key] = copy
            }
        }
    }

    private func make(_ key: Key, _ series: MetricFamily.Series) -> Copy {
        let dimensions = key.labels.map { ($0.name, $0.value) }
        switch (series.isCounter, series.value) {
        case (true, .whole):
            return .counter(Counter(label: key.name, dimensions: dimensions, factory: factory), told: 0)
        case (true, .real):
            return .realCounter(
                FloatingPointCounter(label: key.name, dimensions: dimensions, factory: factory),
                told: 0
            )
        case (false, _):
            return .gauge(Meter(label: key.name, dimensions: dimensions, factory: factory))
        }
    }
}
