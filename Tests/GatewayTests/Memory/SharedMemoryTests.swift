import Broker
import Hummingbird
import NIOCore
import Synchronization
import Testing

@testable import Gateway

/// What all connections together may take of the memory: bodies that come slowly, answers that are read slowly.
@Suite(.timeLimit(.minutes(1)))
struct SharedMemoryTests {
    private static func head(_ length: Int) -> String {
        "POST /groups/test-group/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: \(length)\r\n\r\n"
    }

    @Test func `bodies that never end fill a part of the memory, and small ones still come through`() async throws {
        try await TestServer.run({ $0.maximumBodiesBytes = 1 << 20 }) { server in
            let part = [UInt8](repeating: 0x78, count: 300 << 10)
            var slow: [RawConnection] = []
            // Each would be ten times as large in the end.
            for _ in 0..<4 {
                let connection = try await server.connect()
                await connection.send(Self.head(1_000_000))
                await connection.send(part)
                slow.append(connection)
            }
            // One of them at least is told.
            let refused = try await withThrowingTaskGroup(of: RawResponse.self) { [slow] tasks in
                for connection in slow { tasks.addTask { try await connection.response() } }
                let first = try await tasks.next()
                for connection in slow { await connection.close() }
                while await tasks.nextResult() != nil {}
                return first
            }
            try expectProblem(try #require(refused), 503, "--max-bodies-size")
            #expect(refused?["retry-after"] == "1")
            #expect(try await server.post("/groups/test-group/messages", "small").status == 201)
            #expect(try await Self.eventually(server, "notify_request_body_bytes 0"))
        }
    }

    /// Looks at the metrics until they have the line.
    private static func eventually(_ server: TestServer, _ line: String) async throws -> Bool {
        while try await !server.get("/metrics").text.contains(line) { try Task.checkCancellation() }
        return true
    }

    @Test func `history that nobody reads is bounded, and nothing else is refused for it`() async throws {
        try await TestServer.run({ $0.maximumAnswerBytes = 12 << 20 }) { server in
            let text = String(repeating: "x", count: 1 << 20)
            for _ in 0..<4 { try await server.publish(text) }
            var slow: [RawConnection] = []
            // Each asks for many pages, and reads none.
            for _ in 0..<8 {
                let connection = try await server.connect(receiveBuffer: 4096)
                try await connection.stopReading()
                await connection.send(
                    String(repeating: TestServer.text("GET", "/groups/test-group/messages"), count: 20)
                )
                slow.append(connection)
            }
            var status = 200
            while status == 200 {
                status = try await server.get("/groups/test-group/messages").status
                try Task.checkCancellation()
            }
            #expect(status == 503)
            for path in ["/healthz", "/metrics", "/groups", "/groups/test-group"] {
                #expect(try await server.get(path).status == 200)
            }
            for connection in slow { await connection.close() }
            #expect(try await Self.eventually(server, "notify_answer_bytes 0"))
            #expect(try await server.get("/groups/test-group/messages").status == 200)
        }
    }

    @Test func `answers that nobody reads are not made, however small each is`() async throws {
        let answer = ByteBuffer(repeating: 0x78, count: 60_000)
        let router = Router(context: GatewayContext.self)
        let counted = Count()
        router.get("/counted") { _, _ in
            counted.add()
            return Response(status: .ok, body: ResponseBody(byteBuffer: answer))
        }
        try await TestServer.run(router: router) { server in
            let connection = try await server.connect(receiveBuffer: 4096)
            try await connection.stopReading()
            await connection.send(String(repeating: TestServer.text("GET", "/counted"), count: 2000))
            // Other requests come through; this connection waits with what the system buffers of its answers.
            var before = -1
            while counted.value == 0 || counted.value != before {
                before = counted.value
                for _ in 0..<20 { #expect(try await server.get("/healthz").status == 200) }
            }
            #expect(counted.value < 500)
            try await connection.startReading()
            for _ in 0..<2000 { #expect(try await connection.response().body.count == 60_000) }
        }
    }

    @Test func `the messages of a batch count, not only their text`() async throws {
        try await TestServer.run({ $0.maximumBodiesBytes = 1 << 20 }) { server in
            let connection = try await server.connect()
            let lines = String(repeating: "{\"group\":\"g\",\"data\":1}\n", count: 4000)
            await connection.send(
                "POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + lines
            )
            try expectProblem(try await connection.response(), 503, "--max-bodies-size")
        }
    }

    /// Each takes a while to be read.
    @Test func `large bodies that wait to be read hold up nobody and stay counted`() async throws {
        try await TestServer.run({ $0.maximumBodiesBytes = 200 << 20 }) { server in
            let body = "{\"data\":[" + String(repeating: "\"\",", count: 200_000) + "\"\"]}"
            let order = Count()
            try await withThrowingTaskGroup(of: Int.self) { tasks in
                let count = 10
                for _ in 0..<count {
                    tasks.addTask {
                        let response = try await server.post(
                            "/groups/test-group/messages",
                            ["Content-Type: application/json"],
                            body
                        )
                        order.add()
                        return response.status
                    }
                }
                // All of them have come, and most are not read.
                while try await Self.bodyBytes(server) < body.utf8.count * 4 { try Task.checkCancellation() }
                #expect(try await server.get("/healthz").status == 200)
                #expect(order.value < count - 2)
                for try await status in tasks { #expect(status == 201) }
            }
            #expect(try await Self.eventually(server, "notify_request_body_bytes 0"))
        }
    }

    private static func bodyBytes(_ server: TestServer) async throws -> Int {
        let lines = try await server.get("/metrics").text.split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("notify_request_body_bytes ") })
        return Int(line.split(separator: " ")[1]) ?? 0
    }

    @Test func `a message keeps its own bytes, not those that came with it`() throws {
        let read = ByteBuffer(repeating: 0x78, count: 60_000)
        let slice = try #require(read.getSlice(at: 0, length: 10))
        #expect(slice.storageCapacity >= 60_000)
        #expect(slice.compact.storageCapacity < 1000)
        #expect(slice.compact == slice)
        // A body that fills its piece is not copied.
        #expect(read.compact.storageCapacity == read.storageCapacity)
    }

    @Test func `a body that drips ends by its least rate`() async throws {
        try await TestServer.run({
            $0.bodyTimeout = .milliseconds(300)
            $0.minimumBodyRate = 1 << 20
        }) { server in
            let connection = try await server.connect()
            await connection.send(Self.head(1000))
            await connection.drip(String(repeating: "x", count: 1000), every: .milliseconds(20))
            try expectProblem(try await connection.response(), 408)
        }
    }
}

private final class Count: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() { count.add(1, ordering: .relaxed) }
}
