import Hummingbird
import NIOCore

/// Whether the process answers.
enum HealthRoutes {
    static func register(in router: Router<GatewayContext>) {
        router.resource("/healthz", [.get: { _, _ in .json(.ok, ByteBuffer(string: "{\"status\":\"ok\"}\n")) }])
    }
}
