import Logging
import Synchronization

/// The level of all that is logged. It can change while the server runs, and so must not be a copy in each logger.
enum SharedLogLevel {
    private static let level = Mutex(Logger.Level.notice)

    static var current: Logger.Level { level.withLock { $0 } }

    static func set(_ new: Logger.Level) {
        level.withLock { $0 = new }
    }

    /// Logs to standard error.
    static func handler(label: String) -> any LogHandler {
        var inner = StreamLogHandler.standardError(label: label)
        inner.logLevel = .trace
        return Handler(inner: inner)
    }

    private struct Handler: LogHandler {
        var inner: StreamLogHandler

        var logLevel: Logger.Level {
            get { SharedLogLevel.current }
            set { SharedLogLevel.set(newValue) }
        }

        var metadata: Logger.Metadata {
            get { inner.metadata }
            set { inner.metadata = newValue }
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { inner[metadataKey: key] }
            set { inner[metadataKey: key] = newValue }
        }

        func log(event: LogEvent) {
            inner.log(event: event)
        }
    }
}
