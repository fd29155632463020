import Broker

extension Shard {
    /// What the gateway's shards have in common.
    struct SharedState: Sendable {
        let counters: Counters
        let subscribers = SubscriberCounts()
        var presence: any PresenceRegistry = LocalPresence()
        let outside = OutsideWork()
        /// Tells streamed responses that the server stops.
        let ending = ServerEnding()
        let lags = LoopLags()
        let logQuota = RequestLog.Quota()
        let seenTokens = SeenTokens()
        /// The bodies of all requests.
        var bodies = MemoryBudget(limit: .max)
        var answers = LargeAnswers(limit: .max)
        var patterns = FollowedPatterns(limit: .max)
        var strangers = Strangers(GatewayConfiguration(), Counters())
    }
}
