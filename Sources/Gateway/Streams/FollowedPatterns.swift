import Broker
import HTTPTypes
import Synchronization

/// The patterns that are followed, each once however many follow it, over all event loops. A message of a group that is new to
/// the server is compared with each of them, under a lock: so there is a limit.
///
/// Safe to use from any thread.
final class FollowedPatterns: Sendable {
    let limit: Int
    private let followers = Mutex<[ChannelPattern: Int]>([:])

    init(limit: Int) {
        self.limit = limit
    }

    /// For metrics.
    var count: Int { followers.withLock(\.count) }

    /// - Returns: To be held for as long as they are followed; nil where there is no room for all of them.
    func follow(_ patterns: [ChannelPattern]) -> PatternSeat? {
        let hasRoom = followers.withLock { followers in
            let new = Set(patterns).count { followers[$0] == nil }
            guard new == 0 || followers.count + new <= limit else { return false }
            for pattern in patterns { followers[pattern, default: 0] += 1 }
            return true
        }
        return hasRoom ? PatternSeat(patterns, in: self) : nil
    }

    fileprivate func leave(_ patterns: [ChannelPattern]) {
        followers.withLock { followers in
            for pattern in patterns {
                let left = (followers[pattern] ?? 0) - 1
                followers[pattern] = left > 0 ? left : nil
            }
        }
    }

    /// Why there is no room, as a part of a sentence.
    var reason: String {
        "as many patterns are followed as this server takes (\(GatewayConfiguration.Settings.maxPatterns) \(limit))"
    }

    var isFull: Problem {
        Problem(
            .serviceUnavailable,
            "Nothing was begun: \(reason). Follow groups by their names, or a pattern that others follow, or try again in a moment.",
            headers: [.retryAfter: "5"],
            rejection: .connections
        )
    }
}

/// Patterns that somebody follows, until it is let go of.
final class PatternSeat: Sendable {
    private let patterns: [ChannelPattern]
    private let table: FollowedPatterns

    fileprivate init(_ patterns: [ChannelPattern], in table: FollowedPatterns) {
        (self.patterns, self.table) = (patterns, table)
    }

    deinit { table.leave(patterns) }
}

extension Subscriber.Request {
    /// - Returns: Whether there is room for its patterns; it holds it then.
    mutating func takePatterns(_ table: FollowedPatterns) -> Bool {
        let patterns = feedKey.topics.compactMap { topic in
            if case .pattern(let pattern) = topic { pattern } else { nil }
        }
        guard !patterns.isEmpty else { return true }
        patternSeat = table.follow(patterns)
        return patternSeat != nil
    }
}
