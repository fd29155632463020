import Synchronization

/// How lines of the log look.
enum LogFormat: String, CaseIterable, Sendable {
    /// For people.
    case text
    /// One JSON object a line, for programs.
    case json
}

/// The format of all that is logged. The log begins before the settings are read, and takes their format then.
enum SharedLogFormat {
    private static let format = Mutex(LogFormat.text)

    static var current: LogFormat { format.withLock { $0 } }

    static func set(_ new: LogFormat) {
        format.withLock { $0 = new }
    }
}
