import Broker
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Testing

@testable import Gateway

/// Responses whose bodies are made while they are sent, over HTTP/1.
@Suite(.timeLimit(.minutes(1)))
struct StreamingResponseTests {
    private static let get = TestServer.bytes("GET", "/made")

    /// Waits until nothing is left of streamed responses.
    private static func expectNoneLeft(_ server: TestServer) async throws {
        try await eventually {
            server.gateway.counters.streamedResponses.values.allSatisfy { $0.value == 0 }
        }
    }

    // MARK: Parts

    @Test func `a part arrives before the next one is made`() async throws {
        let parts = MadeParts<String>()
        try await ResponseServer.run {
            StreamingResponse(headers: [.contentType: "text/plain"], parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            // Before anything is made.
            let head = try await connection.head()
            #expect(head.status == 200 && head.isChunked && !head.closes)
            #expect(head["content-type"] == "text/plain")
            #expect(head["x-request-id"] != nil && head["date"] != nil)
            for text in ["one", "two\n", "three"] {
                parts.make(text)
                #expect(try await connection.chunk() == Array(text.utf8))
            }
            #expect(server.gateway.counters.streamedResponses[.bytes] == 1)
            parts.end()
            #expect(try await connection.chunk() == nil)
            try await Self.expectNoneLeft(server)
        }
    }

    @Test func `parts that are ready go together, each of them whole and in order`() async throws {
        let texts = (0..<5000).map { "part \($0)\n" }
        try await ResponseServer.run {
            StreamingResponse(texts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            _ = try await connection.head()
            var (chunks, text) = (0, "")
            while let chunk = try await connection.chunk() {
                chunks += 1
                #expect(chunk.count <= PipeState.gatheredBytes)
                text += String(decoding: chunk, as: UTF8.self)
            }
            #expect(text == texts.joined())
            #expect(chunks < 2500)
        }
    }

    @Test func `a large part goes out in slices, an empty one not at all`() async throws {
        let large = [UInt8](repeating: 0x61, count: 3 << 20)
        let parts = MadeParts<[UInt8]>([], large, [], [0x62])
        parts.end()
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            _ = try await connection.head()
            var body: [UInt8] = []
            while let chunk = try await connection.chunk() {
                #expect(chunk.count <= 64 << 10)
                body += chunk
            }
            #expect(body == large + [0x62])
        }
    }

    // MARK: Lengths and methods

    @Test func `HEAD sends the head and begins nothing`() async throws {
        let parts = MadeParts<String>("never")
        try await ResponseServer.run {
            StreamingResponse(headers: [.contentType: "text/csv"], parts)
        } _: { server in
            let response = try await server.request("HEAD", "/made")
            #expect(response.status == 200 && response["content-type"] == "text/csv")
            #expect(response["content-length"] == nil && !response.isChunked)
            #expect(!parts.hasStarted)
        }
    }

    @Test func `a status without a body begins nothing`() async throws {
        let parts = MadeParts<String>("never")
        try await ResponseServer.run {
            StreamingResponse(status: .noContent, parts)
        } _: { server in
            let response = try await server.get("/made")
            #expect(response.status == 204)
            #expect(!parts.hasStarted)
        }
    }

    @Test func `a known length is announced, and the connection goes on`() async throws {
        let parts = MadeParts<String>()
        try await ResponseServer.run {
            StreamingResponse(contentLength: 6, parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            parts.make("abc")
            let head = try await connection.head()
            #expect(head["content-length"] == "6" && !head.isChunked && !head.closes)
            #expect(try await connection.someBytes() == Array("abc".utf8))
            parts.make("def")
            parts.end()
            #expect(try await connection.someBytes() == Array("def".utf8))
            await connection.send(TestServer.bytes("GET", "/healthz"))
            #expect(try await connection.response().status == 200)
        }
    }

    @Test(arguments: [5, 7])
    func `another length than announced is seen by the client, and logged`(length: Int) async throws {
        let record = LogRecord()
        try await ResponseServer.run(logger: record.logger(.error)) {
            StreamingResponse(contentLength: length, ["abc", "def"])
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            let head = try await connection.head()
            #expect(head["content-length"] == "\(length)")
            #expect(try await connection.end().count < length)
            #expect(record.lines("A streamed response failed").count == 1)
            #expect(server.gateway.counters.failedResponses.value == 1)
        }
    }

    // MARK: One after the other

    @Test func `what is pipelined behind it waits, and is answered on the same connection`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get + TestServer.bytes("GET", "/healthz") + TestServer.bytes("GET", "/groups/g"))
            _ = try await connection.head()
            #expect(try await connection.chunk() == Array("one".utf8))
            parts.make("two")
            #expect(try await connection.chunk() == Array("two".utf8))
            parts.end()
            #expect(try await connection.chunk() == nil)
            #expect(try await connection.response().text.contains("ok"))
            #expect(try await connection.response().text.contains("\"group\":\"g\""))
        }
    }

    @Test func `HTTP 1_0 gets bytes as they are, and the end of the connection`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send("GET /made HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
            let head = try await connection.head()
            #expect(!head.isChunked && head.closes)
            #expect(try await connection.someBytes() == Array("one".utf8))
            parts.make("two")
            parts.end()
            #expect(try await connection.end() == Array("two".utf8))
        }
    }

    // MARK: Errors

    @Test func `an error ends the body without its last chunk, and is logged`() async throws {
        let record = LogRecord()
        let parts = MadeParts<String>("one")
        try await ResponseServer.run(logger: record.logger(.error)) {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            _ = try await connection.head()
            #expect(try await connection.chunk() == Array("one".utf8))
            parts.fail()
            await #expect(throws: RawConnection.Ended.self) { try await connection.chunk() }
            let line = try #require(record.lines("A streamed response failed").first)
            #expect(line.fields["path"] == "/made" || line.fields["path"] == "'/made'")
            try await Self.expectNoneLeft(server)
            #expect(server.gateway.counters.failedResponses.value == 1)
        }
    }

    @Test func `over HTTP 1_0 an error closes the connection`() async throws {
        let parts = MadeParts<String>("one")
        parts.fail()
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send("GET /made HTTP/1.0\r\nHost: localhost\r\n\r\n")
            _ = try await connection.head()
            #expect(try await connection.end() == Array("one".utf8))
            try await Self.expectNoneLeft(server)
        }
    }

    // MARK: Clients

    @Test(arguments: ["GET", "POST"], [false, true])
    func `a client that goes away cancels what waits for the next part`(method: String, halfCloses: Bool) async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(TestServer.bytes(method, "/made", body: method == "POST" ? [] : nil))
            _ = try await connection.head()
            _ = try await connection.chunk()
            try await eventually { parts.asks == 2 }
            if halfCloses { try await connection.finishSending() } else { await connection.close() }
            try await eventually { parts.wasCancelled }
            try await Self.expectNoneLeft(server)
            #expect(server.gateway.counters.failedResponses.value == 0)
        }
    }

    @Test func `nothing is made while the client reads nothing`() async throws {
        let parts = EndlessParts(size: 8 << 10)
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect(receiveBuffer: 4096)
            try await connection.stopReading()
            await connection.send(Self.get)
            // What the system's buffers take, and what may wait on the connection.
            let made = try await settled { parts.bytes }
            #expect(made > 0 && made < 8 << 20)
            try await connection.startReading()
            try await eventually { parts.bytes > made + 1 << 20 }
            await connection.close()
            try await Self.expectNoneLeft(server)
        }
    }

    @Test func `a client that reads nothing for the stall time-out is closed`() async throws {
        let parts = EndlessParts(size: 8 << 10)
        try await ResponseServer.run {
            $0.stallTimeout = .milliseconds(300)
            $0.heartbeat = .milliseconds(100)
        } _: {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect(receiveBuffer: 4096)
            try await connection.stopReading()
            await connection.send(Self.get)
            try await eventually { server.gateway.counters.stalled.value == 1 }
            try await Self.expectNoneLeft(server)
            let made = try await settled { parts.bytes }
            #expect(made < 8 << 20)
        }
    }

    @Test func `one without an end is cancelled at the end of the grace`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            $0.grace = .milliseconds(100)
        } _: {
            StreamingResponse(parts)
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            _ = try await connection.head()
            _ = try await connection.chunk()
            await server.gateway.stop()
            #expect(parts.wasCancelled)
            await #expect(throws: RawConnection.Ended.self) { try await connection.chunk() }
        }
    }

    @Test func `one that ends within the grace is finished`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            $0.grace = .seconds(20)
        } _: {
            StreamingResponse(parts)
        } _: { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let connection = try await server.connect()
            await connection.send(Self.get)
            _ = try await connection.head()
            _ = try await connection.chunk()
            async let stop: Void = server.gateway.stop()
            // The end of the stream tells that the stop has begun.
            _ = try await stream.rest()
            parts.make("two")
            parts.end()
            #expect(try await connection.chunk() == Array("two".utf8))
            #expect(try await connection.chunk() == nil)
            await stop
        }
    }

    @Test func `a body of Hummingbird's own is streamed as well`() async throws {
        let parts = MadeParts<ByteBuffer>(ByteBuffer(string: "one"))
        try await ResponseServer.run {
            Response(status: .accepted, headers: [.connection: "x"], body: ResponseBody(asyncSequence: parts))
        } _: { server in
            let connection = try await server.connect()
            await connection.send(Self.get)
            let head = try await connection.head()
            #expect(head.status == 202 && head.isChunked && head["connection"] == nil)
            #expect(try await connection.chunk() == Array("one".utf8))
            parts.end()
            #expect(try await connection.chunk() == nil)
        }
    }
}
