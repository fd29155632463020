import NIOCore

/// Prometheus' text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
enum MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func write(_ families: [MetricFamily], into buffer: inout ByteBuffer) {
        for family in families {
            buffer.writeString("# HELP \(family.name) \(escaped(family.help, isQuoted: false))\n")
            buffer.writeString("# TYPE \(family.name) \(family.kind.rawValue)\n")
            for series in family.series {
                buffer.writeString(family.name)
                buffer.writeString(series.suffix)
                write(series.labels, into: &buffer)
                buffer.writeString(" \(series.value.text)\n")
            }
        }
    }

    private static func write(_ labels: [MetricFamily.Label], into buffer: inout ByteBuffer) {
        guard !labels.isEmpty else { return }
        let texts = labels.map { "\($0.name)=\"\(escaped($0.value, isQuoted: true))\"" }
        buffer.writeString("{\(texts.joined(separator: ","))}")
    }

    private static func escaped(_ text: String, isQuoted: Bool) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return isQuoted ? escaped.replacing("\"", with: "\\\"") : escaped
    }
}
