import Broker
import Hummingbird
import Testing

@testable import Gateway

/// Responses whose bodies are made while they are sent, over HTTP/2.
@Suite(.timeLimit(.minutes(1)))
struct StreamingHTTP2Tests {
    private typealias Kind = FrameClient.Kind

    @Test func `parts are frames as they are made, and the stream ends`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/made", on: 1)
            #expect(try await client.status(on: 1) == 200)
            #expect(try await client.text(on: 1, until: "one") == "one")
            parts.make("two")
            #expect(try await client.text(on: 1, until: "two") == "two")
            parts.end()
            let last = try #require(try await client.next(Kind.data, on: 1))
            #expect(last.endsStream && last.payload.isEmpty)
            // The connection goes on.
            await client.request("GET", "/healthz", on: 3)
            #expect(try await client.status(on: 3) == 200)
        }
    }

    @Test func `an error resets the stream, and only that`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/made", on: 1)
            #expect(try await client.text(on: 1, until: "one") == "one")
            parts.fail()
            let reset = try #require(try await client.next(Kind.reset, on: 1))
            // INTERNAL_ERROR
            #expect(reset.errorCode == 2)
            await client.request("GET", "/healthz", on: 3)
            #expect(try await client.status(on: 3) == 200)
        }
    }

    @Test func `a client that resets its stream cancels it`() async throws {
        let parts = MadeParts<String>("one")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let client = await FrameClient(try await server.connect())
            await client.request("GET", "/made", on: 1)
            #expect(try await client.text(on: 1, until: "one") == "one")
            await client.send(Kind.reset, stream: 1, FrameClient.bytes(8, 4))
            try await eventually { parts.wasCancelled }
            try await eventually { server.gateway.counters.streamedResponses[.bytes] == 0 }
        }
    }

    @Test func `an empty window holds the sequence`() async throws {
        let parts = EndlessParts(size: 1000)
        try await ResponseServer.run {
            $0.connectionBufferBytes = 32 << 10
        } _: {
            StreamingResponse(parts)
        } _: { server in
            let client = await FrameClient(try await server.connect(), window: 2000)
            await client.request("GET", "/made", on: 1)
            let made = try await settled { parts.bytes }
            #expect(made > 0 && made < 256 << 10)
            await client.allow(200_000, on: 1)
            try await eventually { parts.bytes > made + 30_000 }
            await client.connection.close()
            try await eventually { server.gateway.counters.streamedResponses[.bytes] == 0 }
        }
    }

    @Test func `HEAD sends the head alone`() async throws {
        let parts = MadeParts<String>("never")
        try await ResponseServer.run {
            StreamingResponse(parts)
        } _: { server in
            let client = await FrameClient(try await server.connect())
            await client.request("HEAD", "/made", on: 1)
            #expect(try await client.text(on: 1) == "")
            #expect(!parts.hasStarted)
        }
    }
}
