import Hummingbird
import NIOCore

/// Whether the process answers, and whether messages get through.
enum HealthRoutes {
    static func register(in router: Router<GatewayContext>, readiness: Readiness) {
        router.resource(
            "/healthz",
            [.get: RouteHandler(needs: .nothing) { _, _ in .json(.ok, ByteBuffer(string: "{\"status\":\"ok\"}\n")) }]
        )
        router.resource(
            "/readyz",
            [
                .get: RouteHandler(needs: .nothing) { _, _ in
                    let faults = await readiness.check()
                    guard faults.isEmpty else {
                        throw Problem(
                            .serviceUnavailable,
                            faults.joined(separator: " "),
                            headers: [.retryAfter: "1"]
                        )
                    }
                    return .json(.ok, ByteBuffer(string: "{\"status\":\"ready\"}\n"))
                }
            ]
        )
    }
}
