import Broker
import Gateway
import Hummingbird
import Testing
import Yams

/// `openapi.yaml` against the router: what lacks in either fails.
@Suite(.timeLimit(.minutes(1)))
struct OpenAPITests {
    /// The served description.
    private static func description(_ server: TestServer) async throws -> Node {
        let response = try await server.get("/openapi.yaml")
        #expect(response.status == 200)
        #expect(response["content-type"] == "application/yaml")
        return try #require(try compose(yaml: response.text))
    }

    private static let operations: Set = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

    /// The methods of each described path, such as `["GET", "POST"]`.
    private static func described(_ root: Node) throws -> [String: Set<String>] {
        var paths: [String: Set<String>] = [:]
        for (path, item) in try #require(root["paths"]?.mapping) {
            let keys = try #require(item.mapping).keys.compactMap(\.string)
            paths[try #require(path.string)] = Set(keys.filter { operations.contains($0) }.map { $0.uppercased() })
        }
        return paths
    }

    @Test func `every route is described, and nothing else`() async throws {
        let router = Router(context: GatewayContext.self)
        try await TestServer.run(router: router) { server in
            let described = try Self.described(try await Self.description(server))
            // The router has a route for every method, most of which refuse it: `Allow` tells the others.
            let paths = Set(router.routes.map { "\($0.path)" })
            #expect(paths.count >= 9)
            for path in paths {
                let parts = path.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }
                let name = "/" + parts.joined(separator: "/")
                let answer = try await server.request("OPTIONS", path.replacing(":", with: ""))
                let allowed = Set(try #require(answer["allow"]).split(separator: ", ").map(String.init))
                // HEAD comes with GET, and OPTIONS with every path.
                let methods = try #require(described[name], "openapi.yaml lacks the path \(name).")
                #expect(methods.subtracting(["HEAD"]) == allowed.subtracting(["HEAD", "OPTIONS"]), "\(name)")
                #expect(methods.isSubset(of: allowed), "\(name)")
            }
            #expect(described.count == paths.count, "openapi.yaml has a path that the router lacks.")
        }
    }

    @Test func `references lead somewhere, and each operation has a name and a refusal`() async throws {
        try await TestServer.run { server in
            let root = try await Self.description(server)
            for reference in Self.references(in: root) {
                let steps = reference.split(separator: "/")
                #expect(steps.first == "#", "\(reference)")
                var node: Node? = root
                for step in steps.dropFirst() { node = node?[String(step)] }
                #expect(node != nil, "\(reference)")
            }
            var names: [String] = []
            for (path, item) in try #require(root["paths"]?.mapping) {
                for (method, operation) in try #require(item.mapping)
                where Self.operations.contains(method.string ?? "") {
                    names.append(try #require(operation["operationId"]?.string, "\(path.string ?? "")"))
                    // Broken requests are refused whatever they ask for.
                    let statuses = Set(operation["responses"]?.mapping?.keys.compactMap(\.string) ?? [])
                    let refusals: Set = ["400", "403", "408", "413", "415", "417", "431", "501"]
                    #expect(statuses.isSuperset(of: refusals), "\(names.last ?? "")")
                }
            }
            #expect(Set(names).count == names.count)
            #expect(root["openapi"]?.string?.hasPrefix("3.1") == true)
        }
    }

    private static func references(in node: Node) -> [String] {
        switch node {
        case .mapping(let mapping):
            mapping.flatMap { key, value in key.string == "$ref" ? [value.string ?? ""] : references(in: value) }
        case .sequence(let items): items.flatMap { references(in: $0) }
        case .scalar, .alias: []
        }
    }

    @Test func `HEAD and other hosts`() async throws {
        try await TestServer.run { server in
            let head = try await server.request("HEAD", "/openapi.yaml")
            #expect(head.status == 200)
            #expect(head["cache-control"] == "no-store")
            try expectProblem(try await server.request("POST", "/openapi.yaml", body: []), 405)
            try expectProblem(try await server.get("/openapi.yaml", ["Host: example.org"]), 403)
        }
    }
}
