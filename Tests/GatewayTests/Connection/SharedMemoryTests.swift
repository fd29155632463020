import Broker
import Gateway
import NIOCore
import Testing

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
