import Broker
import HTTPTypes
import Hummingbird
import Testing

@testable import Gateway

/// What every answer of the public routes carries.
@Suite(.timeLimit(.minutes(1)))
struct AnswerFieldsTests {
    @Test(
        arguments: [
            ("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/groups"), ("GET", "/groups/a"),
            ("GET", "/groups/a/messages"), ("GET", "/groups/a/messages/abc-1"), ("DELETE", "/groups/a/messages/abc-1"),
            ("POST", "/groups/a/messages"), ("POST", "/groups/a/messages?persist=false"), ("POST", "/messages"),
            ("GET", "/nowhere"), ("PUT", "/groups"), ("OPTIONS", "/groups"), ("OPTIONS", "*"), ("HEAD", "/groups"),
            ("GET", "/groups/a/events?last=x"),
        ]
    )
    func `no cache keeps it, and no browser guesses its type`(method: String, path: String) async throws {
        try await TestServer.run { server in
            let body = method == "POST" ? Array("{\"group\":\"a\",\"data\":\"x\"}".utf8) : nil
            let response = try await server.request(method, path, body: body)
            let fields = response.headers.filter { ["cache-control", "x-content-type-options"].contains($0.name) }
            #expect(fields.map(\.value).sorted() == ["no-store", "nosniff"])
        }
    }

    @Test(arguments: ["GET", "HEAD"])
    func `a stream keeps its own rule for caches`(method: String) async throws {
        try await TestServer.run { server in
            let connection = try await server.connect()
            await connection.send(TestServer.bytes(method, "/groups/a/events"))
            let head = try await connection.head()
            #expect(head["cache-control"] == "no-cache, no-store, no-transform")
            #expect(head["x-content-type-options"] == "nosniff")
        }
    }

    @Test func `an application's page keeps what it says itself`() async throws {
        let router = Router(context: GatewayContext.self)
        router.page("/plain/", needs: .nothing, [.get: { _, _ in Response(status: .ok) }])
        router.page(
            "/kept/",
            needs: .nothing,
            [.get: { _, _ in Response(status: .ok, headers: [.cacheControl: "max-age=60"]) }]
        )
        try await TestServer.run(router: router) { server async throws in
            #expect(try await server.get("/plain/")["cache-control"] == nil)
            #expect(try await server.get("/kept/")["cache-control"] == "max-age=60")
        }
    }

    @Test(arguments: [["gzip"], ["identity", "gzip"], ["identity, gzip"], ["GZIP"]])
    func `a body in any coding is 415`(codings: [String]) async throws {
        try await TestServer.run { server in
            let headers = codings.map { "Content-Encoding: \($0)" }
            let response = try await server.post("/groups/a/messages", headers, "x")
            #expect(response.status == 415)
            #expect(server.log.frontier.sequence == 0)
        }
    }
}
