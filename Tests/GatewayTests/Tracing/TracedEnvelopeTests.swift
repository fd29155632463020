import Foundation
import Testing

@testable import Gateway

/// The trace of a publish, offered to those who ask for it.
@Suite(.timeLimit(.minutes(1)))
struct TracedEnvelopeTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private static func object(_ text: String?) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data((text ?? "").utf8)) as? [String: Any])
    }

    @Test func `those who ask get it, others do not`() async throws {
        try await TestServer.run { server async throws in
            let asking = try await server.stream("/groups/g/events?envelope=json&trace=true")
            let enveloped = try await server.stream("/groups/g/events?envelope=json&trace=false")
            let plain = try await server.stream("/groups/g/events")
            for stream in [asking, enveloped, plain] { #expect(try await stream.event()?.type == "stream-open") }
            let headers = ["traceparent: \(Self.parent)", "tracestate: a=1", "tracestate: b=\"2\""]
            #expect(try await server.post("/groups/g/messages", headers, "x").status == 201)
            #expect(try await server.post("/groups/g/messages?persist=false", headers, "y").status == 202)
            let line = #"{"group":"g","data":"z"}"#
            #expect(try await server.post("/messages", headers, line).status == 201)
            #expect(try await server.post("/groups/g/messages", ["traceparent: nonsense"], "w").status == 201)
            for data in ["x", "y", "z"] {
                let object = try Self.object(try await asking.event()?.data)
                #expect(object["data"] as? String == data)
                #expect(object["traceparent"] as? String == Self.parent)
                #expect(object["tracestate"] as? String == "a=1,b=\"2\"")
                #expect(
                    try Self.object(try await enveloped.event()?.data).keys.sorted() == [
                        "created_at", "data", "event", "group", "id",
                    ]
                )
                #expect(try await plain.event()?.data == data)
            }
            // Nothing is wrong with a message whose trace is.
            for stream in [asking, enveloped] {
                let object = try Self.object(try await stream.event()?.data)
                #expect(object["data"] as? String == "w")
                #expect(object.count == 5)
            }
        }
    }

    @Test func `it is not stored`() async throws {
        try await StreamServer.run { server async throws in
            let answer = try await server.server.post("/groups/g/messages", ["traceparent: \(Self.parent)"], "x")
            #expect(answer.status == 201)
            // Nobody followed the group: the message is read from the store.
            let stream = try await server.server.stream("/groups/g/events?envelope=json&trace=true&since=all")
            #expect(try await stream.event()?.type == "stream-open")
            let object = try Self.object(try await stream.event()?.data)
            #expect(object["data"] as? String == "x")
            #expect(object["traceparent"] == nil)
            let history = try await server.server.get("/groups/g/messages")
            #expect(!history.text.contains("trace"))
        }
    }

    @Test(arguments: ["trace=true", "envelope=none&trace=true", "envelope=json&trace=yes", "envelope=json&trace="])
    func `what cannot be kept is refused`(query: String) async throws {
        try await TestServer.run { server async throws in
            try expectProblem(try await server.get("/groups/g/events?\(query)"), 400, "trace")
        }
    }

    @Test func `pages of other origins may name a trace`() async throws {
        try await TestServer.run({ $0.allowedOrigins = ["https://example.org"] }) { server async throws in
            let headers = ["Origin: https://example.org", "Access-Control-Request-Method: POST"]
            let answer = try await server.request("OPTIONS", "/groups/g/messages", headers)
            let allowed = answer["access-control-allow-headers"] ?? ""
            #expect(allowed.contains("traceparent, tracestate"))
        }
    }
}
