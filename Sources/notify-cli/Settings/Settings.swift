import Foundation

/// The values that the user set: an option, else an environment variable, else a key of the configuration file, else nothing.
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
struct Settings: Sendable {
    private let environment: [String: String]
    private let file: ConfigurationFile?
    /// What was asked for so far.
    let asked = AskedSettings()

    /// A value as it was written, and where.
    private typealias Written = (value: SettingValue, origin: SettingOrigin)

    /// - Parameters:
    ///   - configFile: The value of `--config`; without it, `NOTIFY_CONFIG` is looked at.
    ///   - environment: For tests.
    init(
        configFile: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        self.environment = environment
        let path = configFile ?? environment["NOTIFY_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        file = try path.map { try ConfigurationFile(path: $0) }
    }

    /// The configuration file, if there is one.
    var filePath: String? { file?.path }

    /// The names of the environment's variables.
    var variables: [String] { Array(environment.keys) }

    /// Text as it stands.
    func string(_ key: SettingKey, option: String? = nil) throws -> String? {
        try text(key, option: option)?.text
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
        try value(key, option: option, Self.durationAdvice, Self.duration)
    }

    /// A size in bytes: `65536`, `64KiB`, `1MiB`, `2GiB`.
    func bytes(_ key: SettingKey, option: String? = nil, in bounds: ClosedRange<Int> = 0...Int.max) throws -> Int? {
        let advice = "use a size in bytes such as 65536, 64KiB or 1MiB" + Self.phrase(forBytes: bounds)
        return try value(key, option: option, advice) { text in
            Self.bytes(text).flatMap { bounds.contains($0) ? $0 : nil }
        }
    }

    /// Several texts. A variable holds them with commas between, the file as a list or in the same way.
    func strings(_ key: SettingKey, options: [String] = []) throws -> [String] {
        let written = written(key, option: options.isEmpty ? nil : .texts(options))
        asked.note(key, written)
        switch written?.value {
        case .texts(let texts)?: return texts
        case .text(let text)?: return text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        case nil: return []
        }
    }

    /// A value of any kind; nil from `parse` means that the text cannot be used, and `advice` says what can.
    func value<Value>(
        _ key: SettingKey,
        option: String?,
        _ advice: String,
        _ parse: (String) -> Value?
    ) throws -> Value? {
        guard let (text, origin) = try text(key, option: option) else { return nil }
        guard let value = parse(text) else {
            throw UsageError("\(origin.subject) is '\(text.prefix(60).escapedForTerminal)': \(advice).")
        }
        return value
    }

    private func text(_ key: SettingKey, option: String?) throws -> (text: String, origin: SettingOrigin)? {
        let written = written(key, option: option.map { .text($0) })
        asked.note(key, written)
        switch written?.value {
        case .text(let text)?: return written.map { (text, $0.origin) }
        case .texts?: throw UsageError("\(written?.origin.subject ?? key.option) is a list: give one value.")
        case nil: return nil
        }
    }

    /// An empty variable counts as none: in many places that is the only way to take one back.
    private func written(_ key: SettingKey, option: SettingValue? = nil) -> Written? {
        if let option { return (option, .option(key.option)) }
        if let text = environment[key.variable], !text.isEmpty { return (.text(text), .variable(key.variable)) }
        return file?.value(of: key)
    }
}
