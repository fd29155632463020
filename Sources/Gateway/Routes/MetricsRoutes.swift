import Hummingbird

/// What the server tells of itself, in Prometheus' text format.
struct MetricsRoutes: Sendable {
    let metrics: GatewayMetrics
    let sessions: AdministratorSessions?

    func register(in router: Router<GatewayContext>) {
        router.resource("/metrics", [.get: .administration(sessions) { _, _ in answer }])
    }

    private var answer: Answer {
        var answer = Answer(status: .ok, headers: [.contentType: MetricsText.contentType])
        MetricsText.write(metrics.families + ProcessMetrics.families, into: &answer.body)
        return answer
    }
}
