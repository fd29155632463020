/// A number that an operator can set, declared once: its name, unit, bounds and default, and what it is for. The
/// configuration checks it, messages name it, the command line reads it and documents it, all from here.
///
/// Safe to use from any thread.
public struct Setting<Configuration>: Sendable, CustomStringConvertible {
    /// Units of values.
    public enum Unit: Sendable {
        case count, bytes, bytesPerSecond, milliseconds
    }

    /// Its name in a configuration file, such as `max-header-size`.
    public let name: String
    /// What its values count.
    public let unit: Unit
    /// The values that it may have, in its unit.
    public let bounds: ClosedRange<Int>
    /// The value that it has where nobody sets it, such as `16KiB`.
    public let defaultText: String
    /// What it is for, in a sentence without its end.
    public let purpose: String
    private let get: @Sendable (Configuration) -> Int?
    private let set: @Sendable (inout Configuration, Int) -> Void

    /// - Parameters:
    ///   - configuration: One with the defaults.
    ///   - absent: The default in words, where it is none of the values.
    ///   - get: The value; nil where none was set.
    public init(
        _ name: String,
        _ unit: Unit,
        in bounds: ClosedRange<Int>,
        of configuration: Configuration,
        _ purpose: String,
        absent: String = "",
        get: @escaping @Sendable (Configuration) -> Int?,
        set: @escaping @Sendable (inout Configuration, Int) -> Void
    ) {
        (self.name, self.unit, self.bounds, self.purpose) = (name, unit, bounds, purpose)
        (self.get, self.set) = (get, set)
        defaultText = get(configuration).map { Self.text(of: $0, unit) } ?? absent
    }

    /// As an option of the command line, which is also how messages name it: `--max-header-size`.
    public var description: String { "--\(name)" }

    /// Puts a value, in its unit, into a configuration. The bounds are not checked: see ``complaint(about:)``.
    public func apply(_ value: Int, to configuration: inout Configuration) {
        set(&configuration, value)
    }

    /// What is wrong with its value, in a sentence; nil where nothing is.
    public func complaint(about configuration: Configuration) -> String? {
        guard let value = get(configuration), !bounds.contains(value) else { return nil }
        return value < bounds.lowerBound
            ? "\(self) is \(text(of: value)): it must be at least \(text(of: bounds.lowerBound))."
            : "\(self) is \(text(of: value)): it may be at most \(text(of: bounds.upperBound))."
    }

    /// A value as an option takes it: in the largest unit of which it is a whole number.
    public func text(of value: Int) -> String { Self.text(of: value, unit) }

    private static func text(of value: Int, _ unit: Unit) -> String {
        let units: [(size: Int, name: String)] =
            switch unit {
            case .count: []
            case .bytes, .bytesPerSecond: [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
            case .milliseconds: [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")]
            }
        guard value > 0, let fitting = units.first(where: { value.isMultiple(of: $0.size) }) else { return "\(value)" }
        return "\(value / fitting.size)\(fitting.name)"
    }
}

extension Setting {
    /// One that is kept as a whole number.
    public init(
        _ name: String,
        _ unit: Unit,
        _ path: any WritableKeyPath<Configuration, Int> & Sendable,
        in bounds: ClosedRange<Int> = 1...Int.max,
        of configuration: Configuration,
        _ purpose: String
    ) {
        self.init(name, unit, in: bounds, of: configuration, purpose) {
            $0[keyPath: path]
        } set: {
            $0[keyPath: path] = $1
        }
    }

    /// One that is absent by default.
    public init(
        _ name: String,
        _ unit: Unit,
        _ path: any WritableKeyPath<Configuration, Int?> & Sendable,
        in bounds: ClosedRange<Int> = 1...Int.max,
        of configuration: Configuration,
        _ purpose: String,
        absent: String
    ) {
        self.init(name, unit, in: bounds, of: configuration, purpose, absent: absent) {
            $0[keyPath: path]
        } set: {
            $0[keyPath: path] = $1
        }
    }

    /// A time, of at least a millisecond unless it may be zero.
    public init(
        _ name: String,
        _ path: any WritableKeyPath<Configuration, Duration> & Sendable,
        from least: Int = 1,
        of configuration: Configuration,
        _ purpose: String
    ) {
        // A hundred years: what is added to a clock's time, in nanoseconds too, must not overflow.
        self.init(name, .milliseconds, in: least...36_500 * 86_400_000, of: configuration, purpose) {
            let (seconds, attoseconds) = $0[keyPath: path].components
            // Out of bounds in any case: the product must not overflow before somebody can say so.
            let limit: Int64 = 1 << 50
            return Int(max(-limit, min(seconds, limit))) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        } set: {
            $0[keyPath: path] = .milliseconds($1)
        }
    }
}
