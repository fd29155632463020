/// What somebody set: a text as it would stand on the command line, or several of them.
enum SettingValue: Equatable, Sendable {
    case text(String)
    case texts([String])
}

/// Where a value came from.
enum SettingOrigin: Equatable, Sendable {
    /// Such as `--port`.
    case option(String)
    /// Such as `NOTIFY_PORT`.
    case variable(String)
    /// A key of the configuration file.
    case file(path: String, key: String, line: Int)

    /// The subject of a sentence about the value.
    var subject: String {
        switch self {
        case .option(let name): name
        case .variable(let name): "The environment variable \(name)"
        case .file(let path, let key, let line): "'\(key)' in \(path) (line \(line))"
        }
    }
}
