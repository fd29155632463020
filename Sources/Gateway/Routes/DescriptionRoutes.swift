import HTTPTypes
import Hummingbird
import NIOCore

/// The OpenAPI description of the public routes. `OpenAPITests` compares it with the router.
enum DescriptionRoutes {
    static func register(in router: Router<GatewayContext>) {
        let description = ByteBuffer(bytes: PackageResources.openapi_yaml)
        router.resource(
            "/openapi.yaml",
            [
                .get: RouteHandler(needs: .nothing) { _, _ in
                    Answer(status: .ok, headers: [.contentType: "application/yaml"], body: description)
                }
            ]
        )
    }
}
