import Broker
import Testing

@testable import Gateway

/// Publishing over a WebSocket.
@Suite(.timeLimit(.minutes(1)))
struct SocketPublishTests {
    @Test func `a publish is answered once it is stored`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            await socket.send(
                #"{"publish":{"group":"g","event":"greeting","data":{"b": 1, "a":2.50},"ttl":60},"ref":"r"}"#
            )
            #expect(try await socket.text() == "{\"published\":true,\"id\":\"\(server.id(1))\",\"ref\":\"r\"}")
            let page = try await server.get("/groups/g/messages").text
            #expect(page.contains(#""event":"greeting","data":"{\"b\":1,\"a\":2.50}""#))
            await socket.send(#"{"publish":{"group":"g","data":"x","persist":false}}"#)
            #expect(try await socket.text() == #"{"published":true}"#)
            #expect(server.log.frontier.sequence == 1)
        }
    }

    @Test(
        arguments: [
            (#"{}"#, 400), (#"{"group":"g"}"#, 400), (#"{"data":"x"}"#, 400), (#"{"group":"a b","data":"x"}"#, 400),
            (#"{"group":"g","data":"x","event":"stream-open"}"#, 400),
            (#"{"group":"g","data":"x","event":"a\nb"}"#, 400),
            (#"{"group":"g","data":"x","ttl":-1}"#, 400), (#"{"group":"g","data":"x","ttl":"x"}"#, 400),
            (#"{"group":"g","data":"x","persist":"no"}"#, 400),
            (#"{"group":"g","data":"x","persist":false,"ttl":1}"#, 400),
            (#"{"group":"g","data":"x","persist":false,"idempotency_key":"k"}"#, 400),
            (#"{"group":"g","data":"x","idempotency_key":""}"#, 400), (#"{"group":"g","data":"x","other":1}"#, 400),
            (#"{"group":"g","data":[1,}"#, 400),
        ]
    )
    func `a publish that is wrong stores nothing`(publish: String, status: Int) async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask("{\"publish\":\(publish),\"ref\":1}").error?.status == status)
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `a key is for one message`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            let publish = #"{"publish":{"group":"g","data":"x","idempotency_key":"k"}}"#
            #expect(try await socket.ask(publish).id == server.id(1))
            #expect(try await socket.ask(publish).id == server.id(1))
            let other = try await socket.ask(#"{"publish":{"group":"g","data":"y","idempotency_key":"k"}}"#)
            #expect(other.error?.status == 422)
            // The same key over HTTP.
            let again = try await server.post("/groups/g/messages", ["Idempotency-Key: k"], "x")
            #expect(again.status == 200)
        }
    }

    @Test func `data over the limit is refused, and a frame over it ends the socket`() async throws {
        let limits = MessageLog.Configuration(maximumMessageSize: 1000)
        try await TestServer.run({ $0.maximumBodyBytes = 4000 }, log: limits) { server async throws in
            let socket = try await server.socket()
            func publish(_ size: Int) -> String {
                "{\"publish\":{\"group\":\"g\",\"data\":\"\(String(repeating: "x", count: size))\"}}"
            }
            #expect(try await socket.ask(publish(1000)).published == true)
            #expect(try await socket.ask(publish(1001)).error?.status == 413)
            await socket.send(publish(4000))
            #expect(try await socket.closed().closeCode == 1009)
        }
    }

    @Test func `large messages are read elsewhere, and keep their place`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            let large = String(repeating: "x", count: 400_000)
            for number in 0..<6 {
                let data = number % 2 == 0 ? large : "small"
                await socket.send("{\"publish\":{\"group\":\"g\",\"data\":\"\(data)\"},\"ref\":\(number)}")
            }
            for number in 0..<6 {
                let text = try await socket.text()
                #expect(text == "{\"published\":true,\"id\":\"\(server.id(number + 1))\",\"ref\":\(number)}")
            }
        }
    }

    @Test func `publishes that do not wait go into few batches, and are answered in their order`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            let count = 3000
            let bytes = (0..<count).flatMap {
                PeerFrame.text("{\"publish\":{\"group\":\"g\",\"data\":\($0)},\"ref\":\($0)}").bytes()
            }
            await socket.connection.send(bytes)
            for number in 0..<count {
                let text = try await socket.text()
                #expect(text == "{\"published\":true,\"id\":\"\(server.id(number + 1))\",\"ref\":\(number)}")
            }
        }
    }

    /// Unanswered publishes hold back what follows: a ping behind them is answered when there is room.
    @Test func `a socket with too many unanswered publishes is not read`() async throws {
        let store = try PausingStore.holdingPublishes()
        try await TestServer.run({ $0.maximumUnansweredPublishes = 5 }, store: store) { server async throws in
            let socket = try await server.socket()
            for number in 0..<9 { await socket.send("{\"publish\":{\"group\":\"g\",\"data\":\(number)}}") }
            await socket.send(#"{"ping":1}"#)
            await store.publishArrives()
            try await eventually { server.log.waitingPublishes == 5 }
            // Nothing else gets in, whatever comes.
            for _ in 0..<20 {
                await socket.send(#"{"ping":2}"#)
                #expect(try await server.get("/healthz").status == 200)
                #expect(server.log.waitingPublishes == 5)
            }
            store.release()
            var answers: [String] = []
            for _ in 0..<30 { answers.append(try await socket.text()) }
            #expect(answers.firstIndex(of: #"{"pong":1}"#) ?? 0 >= 5)
            #expect(answers.filter { $0.contains("published") }.count == 9)
        }
    }

    @Test func `a rate holds for sockets as for requests`() async throws {
        try await TestServer.run({ $0.publishRate = Rate(perSecond: 0.01, burst: 2) }) { server async throws in
            let socket = try await server.socket()
            let publish = #"{"publish":{"group":"g","data":"x"},"ref":1}"#
            #expect(try await socket.ask(publish).published == true)
            #expect(try await server.post("/groups/g/messages", "x").status == 201)
            let refused = try await socket.ask(publish)
            #expect(refused.error?.status == 429)
            #expect((refused.error?.retry_after ?? 0) > 10)
            #expect(server.log.frontier.sequence == 2)
        }
    }

    /// As over HTTP, where a request is counted before its body is read.
    @Test func `what is malformed counts, what lacks the right does not`() async throws {
        let configure: (inout GatewayConfiguration) -> Void = { $0.publishRate = Rate(perSecond: 0.001, burst: 5) }
        try await AccessTableTests.run(configure) { server, _ async throws in
            let token = TokenMaker.token(publish: ["g"], subscribe: ["g"])
            let socket = try await server.socket("/socket", ["Authorization: Bearer \(token)"])
            func status(_ frame: String) async throws -> Int? { try await socket.ask(frame).error?.status }
            for _ in 0..<20 {
                #expect(try await status(#"{"publish":{"group":"other","data":"x"}}"#) == 403)
                // No publish.
                #expect(try await status(#"{"subscribe":{"name":1}}"#) == 400)
            }
            for frame in [
                #"{"publish":{"group":"g"}}"#, #"{"publish":{"group":"g","data":[1,}}"#, #"{"publish":7}"#,
                #"{"publish":{"group":"g","data":"x","event":"a\nb"}}"#,
            ] { #expect(try await status(frame) == 400, "\(frame)") }
            #expect(try await socket.ask(#"{"publish":{"group":"g","data":"x"}}"#).published == true)
            for frame in [
                #"{"publish":{"group":"g","data":"x"}}"#, #"{"publish":{"group":"g"}}"#, #"{"publish":7}"#,
            ] { #expect(try await status(frame) == 429, "\(frame)") }
            #expect(server.log.frontier.sequence == 1)
        }
    }
}
