/// How long to wait before a stream is asked for again.
///
/// The server's own `retry:` is the shortest wait, drawn anew for each connection; every failure in a row doubles it, up
/// to a cap, and up to a quarter is added at random, so that clients do not all come back at once.
public struct ReconnectSchedule: Sendable {
    /// The wait before the server has said anything, 3 s (what browsers use).
    public var initial: Duration = .seconds(3)
    /// The longest wait, 30 s. The server may ask for more, up to ``longestRetry``.
    public var cap: Duration = .seconds(30)

    /// The longest `retry:` that is believed: a mistyped one must not take a client away for good.
    public static let longestRetry = Duration.seconds(600)

    public init(initial: Duration = .seconds(3), cap: Duration = .seconds(30)) {
        self.initial = initial
        self.cap = cap
    }

    /// - Parameters:
    ///   - failures: How many attempts failed in a row before this one.
    ///   - retry: What the server asked for last.
    ///   - random: In 0..<1.
    func delay(failures: Int, retry: Duration?, random: Double) -> Duration {
        let base = min(retry ?? initial, Self.longestRetry)
        // Beyond 20 doublings every cap is reached, and a shift by more would overflow.
        let grown = base * (1 << min(failures, 20))
        return min(grown, max(cap, base)) * (1 + 0.25 * random)
    }
}
