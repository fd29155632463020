import Broker
import Gateway
import Testing

/// What takes members out of groups never leaves a stream open that gets nothing any more.
@Suite(.timeLimit(.minutes(1)))
struct DeafStreamTests {
    @Test func `a flush of the channel layer does not keep messages from streams`() async throws {
        try await StreamServer.run { server in
            let first = try await server.stream(of: ["g"])
            let both = try await server.stream(of: ["g", "h"])
            try await first.opened()
            try await both.opened()
            try await server.publish("1")
            server.log.layer.flush()
            try await server.publish("2")
            try await server.publish("3", to: "h")
            #expect(try await first.messages(through: 2).map(\.data) == ["1", "2"])
            #expect(try await both.messages(through: 3).map(\.data) == ["1", "2", "3"])
            // Groups that its loop follows already, and new ones.
            let later = try await server.stream(of: ["g", "new"])
            try await later.opened()
            try await server.publish("4", to: "new")
            try await server.publish("5")
            #expect(try await later.messages(through: 5).map(\.data) == ["4", "5"])
        }
    }

    @Test func `streams end when the channel layer is closed, and those that come later`() async throws {
        try await StreamServer.run { server in
            let stream = try await server.stream(of: ["g"])
            try await stream.opened()
            server.log.layer.close()
            #expect(try await stream.closed().body.isEnded)
            let later = try await server.stream(of: ["g"])
            #expect(try await later.closed().body.isEnded)
        }
    }

    @Test func `a purge does not keep later messages from streams`() async throws {
        try await StreamServer.run { server in
            let stream = try await server.stream(of: ["g"])
            try await stream.opened()
            try await server.publish("1")
            try await server.log.purge(GroupName("g"))
            try await server.publish("2")
            #expect(try await stream.messages(through: 2).last?.data == "2")
        }
    }

    @Test func `a gateway that stops does not take the groups of another`() async throws {
        try await StreamServer.run { server in
            var configuration = GatewayConfiguration()
            configuration.port = 0
            let other = try Gateway(log: server.log, configuration: configuration)
            let port = try await other.start()
            let there = try await StreamClient.connect(port: port, path: "/groups/g/events")
            let here = try await server.stream(of: ["g"])
            try await there.opened()
            try await here.opened()
            await other.stop()
            _ = try await there.closed()
            try await server.publish("1")
            #expect(try await here.messages(through: 1).map(\.data) == ["1"])
        }
    }
}
