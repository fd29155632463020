import Broker
import Foundation
import Gateway
import Testing

/// Streams as NDJSON.
@Suite(.timeLimit(.minutes(1)))
struct LinesStreamTests {
    private static let accept = "Accept: application/x-ndjson, text/event-stream;q=0.5"

    private static func open(_ server: TestServer, _ path: String) async throws -> (RawResponse, RawConnection) {
        let connection = try await server.connect()
        await connection.send(TestServer.bytes("GET", path, [accept]))
        return (try await connection.head(), connection)
    }

    /// Lines as they come, each in its chunk or with others.
    private static func lines(_ connection: RawConnection, _ count: Int) async throws -> [String] {
        var text = ""
        while text.utf8.count(where: { $0 == 0x0A }) < count, let chunk = try await connection.chunk() {
            text += String(decoding: chunk, as: UTF8.self)
        }
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    @Test func `each message and each event of the server is a line`() async throws {
        try await TestServer.run { server in
            try await server.publish("a\nb", event: "greeting")
            let (head, connection) = try await Self.open(server, "/events?group=test-group&match=a*&since=all")
            #expect(head.status == 200)
            #expect(head["content-type"] == "application/x-ndjson" && head["vary"] == "Accept")
            #expect(head["cache-control"] == "no-cache, no-store, no-transform" && head["x-accel-buffering"] == "no")
            let lines = try await Self.lines(connection, 2)
            let retry = try #require(lines[0].firstMatch(of: /"retry":([0-9]+)/)).1
            #expect(
                lines[0]
                    == #"{"event":"stream-open","id":"\#(server.id(0))","data":{"groups":["test-group"],"match":["a*"],"resumed":false,"retry":\#(retry)}}"#
            )
            let message = try JSONDecoder().decode(MessageBody.self, from: Data(lines[1].utf8))
            #expect(message.id == server.id(1) && message.group == "test-group")
            #expect(message.event == "greeting" && message.data == "a\nb")
            try server.log.publishUnstored(MessageDraft(group: GroupName("abc"), text: "u"))
            #expect(
                try await Self.lines(connection, 1)[0].hasPrefix(
                    #"{"id":null,"group":"abc","event":"message","data":"u","#
                )
            )
            await server.gateway.stop()
            let last = try await Self.lines(connection, 1)[0]
            #expect(
                last.wholeMatch(of: /\{"event":"stream-end","id":null,"data":\{"retry":[0-9]+\}\}/) != nil,
                "\(last)"
            )
            #expect(try await connection.chunk() == nil)
        }
    }

    @Test func `a reset and a heartbeat are lines`() async throws {
        try await TestServer.run({ $0.heartbeat = .milliseconds(100) }) { server in
            let (_, connection) = try await Self.open(server, "/groups/test-group/events?last_event_id=other-1")
            let lines = try await Self.lines(connection, 3)
            #expect(
                lines[1]
                    == #"{"event":"stream-reset","id":"\#(server.id(0))","data":{"reason":"unknown-epoch","requested":"other-1","oldest":null}}"#
            )
            #expect(lines[2] == "")
        }
    }

    @Test(arguments: [
        ("Accept: text/event-stream", false), ("Accept: */*", false), ("Accept: application/x-ndjson", true),
        ("Accept: text/event-stream, application/x-ndjson", false), ("X: y", false),
        ("Accept: text/event-stream;q=0.9, application/x-ndjson", true), ("Accept: application/json", false),
        ("Accept: application/*, text/event-stream;q=0.1", true),
    ])
    func `the format is the one that the client likes better`(field: String, isLines: Bool) async throws {
        try await TestServer.run { server in
            for path in ["/events?group=g", "/groups/g/events"] {
                let head = try await server.request("HEAD", path, [field])
                #expect(head["content-type"] == (isLines ? "application/x-ndjson" : "text/event-stream"))
                #expect(head["vary"] == "Accept")
            }
        }
    }

    @Test func `where origins are allowed there is one Vary`() async throws {
        try await TestServer.run({ $0.allowedOrigins = ["https://example.org"] }) { server in
            let (head, _) = try await Self.open(server, "/events?group=g")
            #expect(head.headers.filter { $0.name == "vary" }.map(\.value) == ["Accept, origin"])
            let empty = try await server.request("HEAD", "/events?group=g", [Self.accept])
            #expect(empty.headers.filter { $0.name == "vary" }.map(\.value) == ["Accept, origin"])
        }
    }
}
