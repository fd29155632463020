import Logging
import NIOCore
import Synchronization

/// Which refused origins were logged lately: an operator who has forgotten `--allow-origin` finds the reason in the log, and
/// a page that asks again and again does not fill it.
struct RefusedOrigins {
    static let period = TimeAmount.minutes(1)
    /// Over it, further origins are not logged until a minute of another has passed: it bounds memory and log.
    static let maximumCount = 100

    private var logged: [String: NIODeadline] = [:]

    var count: Int { logged.count }

    /// Whether to log this refusal.
    mutating func isNews(_ origin: String, at now: NIODeadline) -> Bool {
        if let last = logged[origin], now < last + Self.period { return false }
        if logged.count >= Self.maximumCount { logged = logged.filter { now < $0.value + Self.period } }
        guard logged.count < Self.maximumCount else { return false }
        logged[origin] = now
        return true
    }
}

/// Logs them, for all event loops together.
final class RefusalLog: Sendable {
    private let origins = Mutex(RefusedOrigins())
    private let logger: Logger

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// - Parameter origin: In quotes, cut to a length that fits.
    func note(_ origin: String) {
        guard origins.withLock({ $0.isNews(origin, at: .now()) }) else { return }
        logger.notice(
            "Pages of an origin that is not allowed were refused (--allow-origin)",
            metadata: ["origin": "\(origin)"]
        )
    }
}
