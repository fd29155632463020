import Broker

extension GatewayMetrics {
    /// Of the groups that streams follow by name.
    var presence: [MetricFamily] {
        let figures = shared.presence.figures
        return [
            .gauge(
                "notify_presence_users",
                "Users who follow groups by name, counted for each group.",
                figures.users
            ),
            .gauge(
                "notify_presence_anonymous",
                "Streams of nobody who is known that follow groups by name, counted for each group.",
                figures.anonymous
            ),
            .gauge(
                "notify_presence_leaving",
                "Users without a connection who have not left yet, among the users.",
                figures.leaving
            ),
            .counter(
                "notify_presence_early_leaves_total",
                "Users who left early, since too many were about to leave.",
                figures.leftEarly
            ),
            .counter(
                "notify_presence_events_total",
                "Events of presence written to streams.",
                shared.counters.presenceEvents.value
            ),
            .counter(
                "notify_presence_coalesced_total",
                "Joins and leaves that cancelled each other out, or were told together with others.",
                figures.coalesced
            ),
        ]
    }
}
