import Configuration
import Foundation

/// What the user asked for: an option, else an environment variable, else a key of the configuration file, else nothing.
///
/// Subcommands declare each option as an optional and ask here for its value, so that "not given" can be told from a
/// default:
///
/// ```swift
/// @Option var port: Int?
/// …
/// let settings = try Settings(configFile: config)
/// let port = try settings.int(.port, option: port, in: 0...65_535) ?? 8080
/// ```
///
/// Every value that cannot be used is a ``UsageError`` that names where it came from.
struct Settings {
    private let environment: EnvironmentVariablesProvider
    private let file: File?

    private struct File {
        let path: String
        let snapshot: JSONSnapshot
    }

    /// A value as it was written, and where.
    private struct Raw {
        let text: String
        let source: String
    }

    /// - Parameters:
    ///   - configFile: The value of `--config`; without it, `NOTIFY_CONFIG` is looked at.
    ///   - environment: For tests.
    init(
        configFile: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        self.environment = EnvironmentVariablesProvider(environmentVariables: environment)
        let path = configFile ?? environment["NOTIFY_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        file = try path.map { try File(path: $0, snapshot: Self.read($0)) }
    }

    /// Text as it stands.
    func string(_ key: SettingKey, option: String? = nil) throws -> String? {
        try raw(key, option: option)?.text
    }

    /// A whole number within bounds.
    func int(_ key: SettingKey, option: Int? = nil, in bounds: ClosedRange<Int> = 0...Int.max) throws -> Int? {
        try value(key, option: option.map(String.init), Self.phrase(for: bounds)) { text in
            Int(text).flatMap { bounds.contains($0) ? $0 : nil }
        }
    }

    /// Yes or no. A flag on the command line is true, or its `--no-` form false.
    func bool(_ key: SettingKey, option: Bool? = nil) throws -> Bool? {
        try value(key, option: option.map { $0 ? "true" : "false" }, "use true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }

    /// A duration: `500ms`, `30s`, `10m`, `2h`, `7d`.
    func duration(_ key: SettingKey, option: String? = nil) throws -> Duration? {
        try value(key, option: option, "use a duration such as 500ms, 30s, 10m, 2h or 7d, up to 36500d", Self.duration)
    }

    /// A size in bytes: `65536`, `64KiB`, `1MiB`, `2GiB`.
    func bytes(_ key: SettingKey, option: String? = nil, in bounds: ClosedRange<Int> = 0...Int.max) throws -> Int? {
        let advice = "use a size in bytes such as 65536, 64KiB or 1MiB" + Self.phrase(forBytes: bounds)
        return try value(key, option: option, advice) { text in
            Self.bytes(text).flatMap { bounds.contains($0) ? $0 : nil }
        }
    }

    /// Several texts. A variable holds them with commas between, the file as an array or in the same way.
    func strings(_ key: SettingKey, options: [String] = []) throws -> [String] {
        if !options.isEmpty { return options }
        return try raw(key, option: nil).map { raw in
            raw.text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        } ?? []
    }

    /// A value of any kind; nil from `parse` means that the text cannot be used, and `advice` says what can.
    func value<Value>(
        _ key: SettingKey,
        option: String?,
        _ advice: String,
        _ parse: (String) -> Value?
    ) throws -> Value? {
        guard let raw = try raw(key, option: option) else { return nil }
        guard let value = parse(raw.text) else {
            throw UsageError("\(raw.source) is '\(raw.text.prefix(60).escapedForTerminal)': \(advice).")
        }
        return value
    }

    /// An empty variable counts as none: in many places that is the only way to take one back.
    private func raw(_ key: SettingKey, option: String?) throws -> Raw? {
        if let option { return Raw(text: option, source: key.option) }
        if let text = try environment.environmentValue(forName: key.variable), !text.isEmpty {
            return Raw(text: text, source: "The environment variable \(key.variable)")
        }
        guard let file else { return nil }
        return file.snapshot.text(for: key).map { Raw(text: $0, source: "'\(key.rawValue)' in \(file.path)") }
    }
}
