import NIOCore
import Synchronization

/// How often something may happen: so many times a second, and so many at once after a pause.
public struct Rate: Hashable, Sendable {
    /// Times a second, on average.
    public var perSecond: Double
    /// How many may come at once.
    public var burst: Double

    /// - Parameter burst: At least 1; by default what comes in a second.
    public init(perSecond: Double, burst: Double? = nil) {
        (self.perSecond, self.burst) = (perSecond, burst ?? max(1, perSecond))
    }

    /// `100/s`, or with a burst `100/s,500`. Nil for what is none.
    public init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts[0].hasSuffix("/s"), let rate = Self.number(parts[0].dropLast(2)),
            rate > 0
        else { return nil }
        var burst: Double?
        if parts.count == 2 {
            guard let number = Self.number(parts[1]), number >= 1 else { return nil }
            burst = number
        }
        self.init(perSecond: rate, burst: burst)
    }

    private static func number(_ text: Substring) -> Double? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }), let number = Double(text),
            number <= 1e9
        else { return nil }
        return number
    }
}

/// Token buckets by key (as GCRA: one time for each key). What costs more than the bucket holds leaves a debt: those who come
/// after a large batch wait for it, and the batch is not shut out.
///
/// Safe to use from any thread.
final class RateLimit<Key: Hashable & Sendable>: Sendable {
    private struct State {
        /// When each bucket is full again, in nanoseconds.
        var full: [Key: UInt64] = [:]
        /// For keys beyond the limit of keys: all of them together.
        var others: UInt64 = 0
        var lookedAt: UInt64 = 0
    }

    private let state = Mutex(State())
    private let nanosecondsEach: Double
    private let depth: UInt64
    private let maximumKeys: Int

    /// - Parameter maximumKeys: More share one bucket: a crowd of new keys must not take the memory.
    init(_ rate: Rate, maximumKeys: Int = 100_000) {
        nanosecondsEach = 1e9 / max(1e-9, rate.perSecond)
        // A bucket of n takes n at once: the first of them finds it full.
        depth = UInt64(min(nanosecondsEach * max(0, rate.burst - 1), 1e18))
        self.maximumKeys = maximumKeys
    }

    var keys: Int { state.withLock { $0.full.count } }

    /// Takes one from a key's bucket.
    ///
    /// - Returns: Nil where there was one, else after how long there will be.
    func take(of key: Key, now: NIODeadline) -> TimeAmount? {
        change(key, now) { full, now in
            if let wait = wait(full, now) { return wait }
            full += price(1)
            return nil
        }
    }

    /// As ``take(of:now:)``, and takes none.
    func wait(of key: Key, now: NIODeadline) -> TimeAmount? {
        let nanoseconds = now.uptimeNanoseconds
        let full = state.withLock { state in
            state.full[key] ?? (state.full.count < maximumKeys ? nanoseconds : state.others)
        }
        return wait(max(full, nanoseconds), nanoseconds)
    }

    private func wait(_ full: UInt64, _ now: UInt64) -> TimeAmount? {
        full - now <= depth ? nil : .nanoseconds(Int64(clamping: full - now - depth))
    }

    /// Takes so many from a key's bucket, whatever is in it.
    func charge(_ count: Int, to key: Key, now: NIODeadline) {
        change(key, now) { full, _ in full += price(count) }
    }

    /// In nanoseconds. A debt is never longer than a day.
    private func price(_ count: Int) -> UInt64 { UInt64(min(nanosecondsEach * Double(count), 8.64e13)) }

    private func change<Value>(_ key: Key, _ now: NIODeadline, _ body: (inout UInt64, UInt64) -> Value) -> Value {
        let now = now.uptimeNanoseconds
        return state.withLock { state in
            if state.full[key] == nil, state.full.count >= maximumKeys { Self.forgetFull(&state, now) }
            let isKnown = state.full[key] != nil || state.full.count < maximumKeys
            var full = max(now, (isKnown ? state.full[key] : state.others) ?? 0)
            defer { if isKnown { state.full[key] = full } else { state.others = full } }
            return body(&full, now)
        }
    }

    /// Buckets that are full are as good as none. Looked for at most once a second: it goes through all of them.
    private static func forgetFull(_ state: inout State, _ now: UInt64) {
        guard now >= state.lookedAt + 1_000_000_000 else { return }
        state.lookedAt = now
        state.full = state.full.filter { $0.value > now }
    }
}
