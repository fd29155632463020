import Broker
import Hummingbird
import InMemoryTracing
import Testing
import Tracing

@testable import Gateway

/// The spans of requests, where the program has a tracer.
@Suite(.timeLimit(.minutes(1)))
struct RequestTracingTests {
    /// The tracer's own way to name a trace.
    private static let headers = [
        "\(InMemoryTracer.traceIDKey): trace-7", "\(InMemoryTracer.spanIDKey): span-7",
    ]

    private static func run(
        router: @Sendable (InMemoryTracer) -> Router<GatewayContext> = { _ in Router(context: GatewayContext.self) },
        _ body: @Sendable (TestServer, InMemoryTracer) async throws -> Void
    ) async throws {
        let tracer = InMemoryTracer()
        try await withTracer(tracer) {
            try await TestServer.run(router: router(tracer)) { try await body($0, tracer) }
        }
        #expect(tracer.activeSpans.isEmpty, "Each span ends.")
    }

    @Test func `a publish has a span, and its commit one beneath`() async throws {
        try await Self.run { server, tracer async throws in
            let answer = try await server.post("/groups/g/messages?event=e", Self.headers, "x")
            #expect(answer.status == 201)
            try await eventually { tracer.finishedSpans.count == 2 }
            let spans = tracer.finishedSpans
            let publish = try #require(spans.first { $0.operationName == "POST /groups/{group}/messages" })
            #expect(publish.traceID == "trace-7")
            #expect(publish.parentSpanID == "span-7")
            #expect(publish.kind == .server)
            #expect(publish.attributes["http.response.status_code"]?.toSpanAttribute() == 201.toSpanAttribute())
            #expect(publish.attributes["url.path"]?.toSpanAttribute() == "/groups/g/messages".toSpanAttribute())
            let id = answer["x-request-id"] ?? ""
            #expect(publish.attributes["http.request.id"]?.toSpanAttribute() == id.toSpanAttribute())
            let commit = try #require(spans.first { $0.operationName == "commit" })
            #expect(commit.traceID == "trace-7")
            #expect(commit.parentSpanID == publish.spanID)
        }
    }

    @Test func `a stream's opening has a span, which ends before the stream`() async throws {
        try await Self.run { server, tracer async throws in
            let stream = try await server.stream("/groups/g/events")
            #expect(try await stream.event()?.type == "stream-open")
            try await eventually { tracer.finishedSpans.map(\.operationName) == ["GET /groups/{group}/events"] }
            await stream.close()
        }
    }

    @Test func `spans of a route are beneath the request's`() async throws {
        let router: @Sendable (InMemoryTracer) -> Router<GatewayContext> = { tracer in
            let router = Router(context: GatewayContext.self)
            router.page(
                "/page",
                needs: .nothing,
                [.get: { _, _ in tracer.withSpan("work") { _ in Response(status: .ok) } }]
            )
            return router
        }
        try await Self.run(router: router) { server, tracer async throws in
            #expect(try await server.get("/page", Self.headers).status == 200)
            try await eventually { tracer.finishedSpans.count == 2 }
            let request = try #require(tracer.finishedSpans.first { $0.operationName == "GET" })
            let work = try #require(tracer.finishedSpans.first { $0.operationName == "work" })
            #expect(work.parentSpanID == request.spanID)
            #expect(work.traceID == "trace-7")
        }
    }

    @Test func `refused requests have a span, too`() async throws {
        try await Self.run { server, tracer async throws in
            #expect(try await server.get("/groups", ["Host: evil.example"]).status == 403)
            #expect(try await server.get("/nothing").status == 404)
            let waiting = try await server.connect()
            await waiting.send("POST /groups/g/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nx")
            try await eventually { tracer.activeSpans.count == 1 }
            await waiting.close()
            try await eventually { tracer.finishedSpans.count == 3 }
        }
    }

    @Test func `without a tracer there is nothing`() {
        #expect(RequestTracing(NoOpTracer()) == nil)
    }
}
