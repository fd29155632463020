import Foundation
import Gateway
import Hummingbird
import Synchronization
import Testing

/// Keys at an address.
@Suite(.timeLimit(.minutes(1)))
struct KeySetTests {
    private static func set(_ id: String) -> String {
        #"{"keys":[{"kty":"oct","kid":"\#(id)","k":"\#(TokenMaker.encode(Array(TokenMaker.secret.utf8)))"}]}"#
    }

    private static func token(_ id: String) -> [String] {
        let token = TokenMaker.token(
            #"{"notify":{"subscribe":["*"]}}"#,
            header: #"{"alg":"HS256","kid":"\#(id)"}"#
        )
        return ["Authorization: Bearer \(token)"]
    }

    /// Runs a body with a server whose keys are at an address of another.
    private static func run(
        path: String = "/keys",
        _ answer: @escaping @Sendable () async -> Response,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let router = Router(context: GatewayContext.self)
        router.page("/keys", needs: .nothing, [.get: { _, _ in await answer() }])
        router.page(
            "/old",
            needs: .nothing,
            [.get: { _, _ in Response(status: .found, headers: [.location: "/keys"]) }]
        )
        try await TestServer.run(router: router) { source in
            try await TestServer.run({ $0.access.keySetURL = "http://127.0.0.1:\(source.port)\(path)" }, body)
        }
    }

    private static func response(_ text: String) -> Response {
        Response(status: .ok, body: .init(byteBuffer: .init(string: text)))
    }

    @Test func `a crowd of made-up keys asks the address once`() async throws {
        let questions = Mutex(0)
        try await Self.run {
            questions.withLock { $0 += 1 }
            return Self.response(Self.set("one"))
        } _: { server async throws in
            #expect(questions.withLock { $0 } == 1)
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                for number in 0..<40 {
                    tasks.addTask { try await server.get("/groups/a", Self.token("made-up-\(number)")).status }
                }
                for try await status in tasks { #expect(status == 401) }
            }
            #expect(questions.withLock { $0 } == 2)
            #expect(try await server.get("/groups/a", Self.token("one")).status == 200)
        }
    }

    @Test func `those who wait for the address get its keys`() async throws {
        let (asked, isAsked) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        let count = Mutex(0)
        try await Self.run {
            let number = count.withLock { count in
                count += 1
                return count
            }
            guard number > 1 else { return Self.response(Self.set("one")) }
            isAsked.yield()
            for await _ in released { break }
            return Self.response(Self.set("two"))
        } _: { server async throws in
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                tasks.addTask { try await server.get("/groups/a", Self.token("two")).status }
                for await _ in asked { break }
                for _ in 0..<10 {
                    tasks.addTask { try await server.get("/groups/a", Self.token("two")).status }
                }
                // Others are served meanwhile.
                #expect(try await server.get("/groups/a", Self.token("one")).status == 200)
                release.finish()
                for try await status in tasks { #expect(status == 200) }
            }
        }
    }

    @Test func `an address that leads elsewhere gives no keys`() async throws {
        try await Self.run(path: "/old") {
            Self.response(Self.set("one"))
        } _: { server async throws in
            #expect(try await server.get("/groups/a", Self.token("one")).status == 401)
        }
    }

    @Test func `a set of keys at an address is asked again for a key that it did not have`() async throws {
        let answer = Mutex(Self.set("one"))
        let router = Router(context: GatewayContext.self)
        router.page(
            "/keys",
            needs: .nothing,
            [.get: { _, _ in Response(status: .ok, body: .init(byteBuffer: .init(string: answer.withLock { $0 }))) }]
        )
        try await TestServer.run(router: router) { source in
            let configure: (inout GatewayConfiguration) -> Void = {
                $0.access.keySetURL = "http://127.0.0.1:\(source.port)/keys"
            }
            try await TestServer.run(configure) { server async throws in
                #expect(try await server.get("/groups/a", Self.token("one")).status == 200)
                answer.withLock { $0 = Self.set("two") }
                #expect(try await server.get("/groups/a", Self.token("two")).status == 200)
                #expect(try await server.get("/groups/a", Self.token("one")).status == 401)
                // Its issuer takes all keys away.
                answer.withLock { $0 = "{\"keys\":[]}" }
                let stream = try await server.stream("/groups/a/events", Self.token("two"))
                #expect(try await stream.event()?.type == "stream-open")
                #expect(try await server.gateway.reload()?.keys == 0)
                _ = try await stream.rest()
                #expect(try await server.get("/groups/a", Self.token("two")).status == 401)
                // Whoever makes up keys does not have it asked again.
                answer.withLock { $0 = Self.set("three") }
                #expect(try await server.get("/groups/a", Self.token("three")).status == 401)
                #expect(try await server.post("/groups/a/messages", Self.token("four"), "x").status == 401)
            }
        }
    }
}
