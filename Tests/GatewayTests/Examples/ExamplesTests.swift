import Broker
import Foundation
import Gateway
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import examples

/// The programs of docs/embedding.md run here, and stand there to the letter.
@Suite(.timeLimit(.minutes(1)))
struct ExamplesTests {
    @Test(arguments: ["Numbers", "OwnApplication", "ForeignServer", "SynchronousCode", "SecondTutorial"])
    func `the page has the same program`(name: String) throws {
        let root = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        func text(_ path: String) throws -> String {
            try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        }
        let program = try text("examples/\(name).swift")
        #expect(try text("docs/embedding.md").contains("<!-- examples/\(name).swift -->\n```swift\n\(program)```\n"))
    }

    private static func run(
        _ make: (MessageLog, GatewayConfiguration) throws -> Gateway,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await TestServer.run(make: make, body)
    }

    @Test func `five numbers at once`() async throws {
        try await Self.run(numbers) { server in
            let response = try await server.get("/numbers")
            #expect(response.text == "1\n2\n3\n4\n5\n")
            #expect(response["content-type"] == "text/plain; charset=utf-8")
        }
    }

    @Test func `a number a second`() async throws {
        try await Self.run(numbers) { server in
            let start = ContinuousClock.now
            let connection = try await server.connect()
            await connection.send(TestServer.bytes("GET", "/slow-numbers"))
            _ = try await connection.head()
            for number in 1...5 {
                #expect(try await connection.chunk() == Array("\(number)\n".utf8))
                #expect(ContinuousClock.now - start >= .seconds(number - 1))
            }
            #expect(try await connection.chunk() == nil)
        }
    }

    @Test func `the same numbers as events`() async throws {
        try await Self.run(numbers) { server in
            let response = try await server.get("/number-events")
            let retry = response.text.prefix { $0 != "\n" }
            #expect(retry.hasPrefix("retry: "))
            let events = (1...5).map { "event: number\ndata: \($0)\n\n" }.joined()
            #expect(response.text == retry + "\n\n" + events)
        }
    }

    @Test func `routes of one's own send to the group`() async throws {
        try await Self.run(ownApplication) { server in
            let stream = try await server.stream("/groups/my-group/events")
            _ = try await stream.event()
            #expect(try await server.get("/hello").text == "Hello!\n")
            let greeting = try #require(try await stream.event())
            #expect(greeting.type == "greeting" && greeting.data == "Somebody said hello." && greeting.id == nil)
            let form = ["Content-Type: application/x-www-form-urlencoded"]
            let answer = try await server.post("/orders", form, "what=tea")
            #expect(answer.status == 201 && answer.text == server.id(1) + "\n")
            let order = try #require(try await stream.event())
            #expect(order.type == "order" && order.data == "tea" && order.id == server.id(1))
        }
    }

    @Test func `a thread sends to the group`() async throws {
        try await Self.run(ownApplication) { server in
            let stream = try await server.stream("/groups/my-group/events")
            _ = try await stream.event()
            sendFromAThread(["1", "2"], server.log)
            let events = try await stream.events(4)
            #expect(events.map(\.data) == ["1", "1", "2", "2"])
            #expect(events.map(\.id) == [nil, server.id(1), nil, server.id(2)])
            #expect(throws: BrokerError.self) { try Self.storeInATask(server.log) }
        }
    }

    private static func storeInATask(_ log: MessageLog) throws {
        _ = try store("x", log)
    }

    @Test func `Hummingbird's own server follows a group`() async throws {
        let layer = InMemoryChannelLayer()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = try foreignServer(layer: layer, port: 0) { port.yield($0) }
        let group = ServiceGroup(services: [server], logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let number = try #require(await iterator.next())
            let connection = try await RawConnection.open(port: number)
            await connection.send(TestServer.bytes("GET", "/stream"))
            let stream = try await EventReader(connection)
            #expect(stream.head["content-type"] == "text/event-stream")
            _ = try await stream.item()
            let sender = try await RawConnection.open(port: number)
            await sender.send(TestServer.bytes("POST", "/send", body: Array("hi\nthere".utf8)))
            #expect(try await sender.response(to: "POST").status == 202)
            #expect(try await stream.event()?.data == "hi\nthere")
            await sender.close()
            // It says when to come back, and its channel is gone.
            await group.triggerGracefulShutdown()
            guard case .retry? = try await stream.rest().first else {
                Issue.record("the stream has not ended with retry")
                return
            }
            await connection.close()
            try await tasks.waitForAll()
            try await eventually { layer.channels.isEmpty && layer.groups.isEmpty }
        }
    }

    @Test func `the second tutorial`() async throws {
        try await Self.run(secondTutorial) { server in
            await #expect {
                _ = try await server.socket("/ws/chat")
            } throws: {
                ($0 as? SocketClient.Refused)?.response.status == 403
            }
            let form = ["Content-Type: application/x-www-form-urlencoded"]
            let signedIn = try await server.post("/sign-in", form, "name=Ariel")
            #expect(signedIn.status == 302)
            let cookie = String(try #require(signedIn["set-cookie"]).prefix { $0 != ";" })

            let stream = try await server.stream("/groups/my-group/events")
            _ = try await stream.event()
            let socket = try await server.socket("/ws/chat", ["Cookie: \(cookie)"])
            #expect(try await socket.text() == "Welcome, Ariel.")
            #expect(try await server.post("/send-message", form, "text=Hi").text == "Message sent\n")
            #expect(try await stream.event()?.data == "Hi")
            #expect(try await socket.text() == "chat.message: Hi")
            await socket.send(PeerFrame.text("hello"))
            let said = try #require(try await stream.event())
            #expect(said.type == "chat.message" && said.data == "Ariel: hello" && said.id == server.id(1))
            #expect(try await socket.text() == "chat.message: Ariel: hello")
            await socket.send(PeerFrame.text("bye"))
            #expect(try await socket.closed().closeCode == 1000)
        }
    }
}
