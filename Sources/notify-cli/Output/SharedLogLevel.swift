import Broker
import Logging
import Synchronization

/// The level of all that is logged. It can change while the server runs, and so must not be a copy in each logger.
enum SharedLogLevel {
    private static let level = Mutex(Logger.Level.notice)

    static var current: Logger.Level { level.withLock { $0 } }

    static func set(_ new: Logger.Level) {
        level.withLock { $0 = new }
    }

    /// Logs to standard error, in the format of ``SharedLogFormat``.
    static func handler(label: String) -> any LogHandler {
        var inner = StreamLogHandler.standardError(label: label)
        inner.logLevel = .trace
        return Handler(label: label, inner: inner)
    }

    private struct Handler: LogHandler {
        let label: String
        var inner: StreamLogHandler

        var logLevel: Logger.Level {
            get { SharedLogLevel.current }
            set { SharedLogLevel.set(newValue) }
        }

        var metadata: Logger.Metadata {
            get { inner.metadata }
            set { inner.metadata = newValue }
        }

        var metadataProvider: Logger.MetadataProvider? {
            get { inner.metadataProvider }
            set { inner.metadataProvider = newValue }
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { inner[metadataKey: key] }
            set { inner[metadataKey: key] = newValue }
        }

        func log(event: LogEvent) {
            switch SharedLogFormat.current {
            case .text: inner.log(event: event)
            case .json:
                JSONLogLine(event, label: label, metadata: all(event), time: .now()).writeToStandardError()
            }
        }

        /// The nearer one counts.
        private func all(_ event: LogEvent) -> Logger.Metadata {
            inner.metadata.merging(inner.metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        }
    }
}
