import Broker
import Testing

@testable import Gateway

/// Subscriptions of a WebSocket that follow patterns.
@Suite(.timeLimit(.minutes(1)))
struct SocketPatternTests {
    @Test func `a pattern brings what matches, also of groups that come later`() async throws {
        try await TestServer.run { server async throws in
            try await server.publish("old", to: "orders.1")
            try await server.publish("other", to: "news")
            let socket = try await server.socket()
            let answer = try await socket.ask(
                #"{"subscribe":{"name":"s","match":["orders.*","*.1"],"groups":["x"],"since":"all"}}"#
            )
            #expect(answer.subscribed == "s")
            #expect(try await socket.json().data == "old")
            try await server.publish("new", to: "orders.2")
            try await server.publish("passed over", to: "news")
            try await server.publish("named", to: "x")
            #expect(try await socket.json().group == "orders.2")
            #expect(try await socket.json().data == "named")
        }
    }

    @Test func `patterns belong to one subscription at a time`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["orders.*"]}}"#).subscribed == "a")
            for topics in [#""match":["*.eu"]"#, #""groups":["orders.7"]"#, #""match":["o*"]"#] {
                let answer = try await socket.ask("{\"subscribe\":{\"name\":\"b\",\(topics)}}")
                #expect(answer.error?.status == 409, "\(topics)")
            }
            #expect(try await socket.ask(#"{"subscribe":{"name":"b","match":["news.*"]}}"#).subscribed == "b")
            #expect(try await socket.ask(#"{"unsubscribe":"a"}"#).unsubscribed == "a")
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","groups":["orders.7"]}}"#).subscribed == "a")
        }
    }

    @Test func `there are so many patterns in one`() async throws {
        try await TestServer.run({ $0.maximumPatternsPerStream = 2 }) { server async throws in
            let socket = try await server.socket()
            let answer = try await socket.ask(#"{"subscribe":{"name":"a","match":["a*","b*","c*"]}}"#)
            #expect(answer.error?.status == 400)
            #expect(answer.error?.detail.contains("--max-patterns-per-stream") == true)
        }
    }

    @Test func `there are so many patterns on a socket`() async throws {
        try await TestServer.run({ $0.maximumPatternsPerSocket = 3 }) { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["a*","b*"]}}"#).subscribed == "a")
            let refused = try await socket.ask(#"{"subscribe":{"name":"b","match":["c*","d*"]}}"#)
            #expect(refused.error?.status == 400 && refused.subscription == "b")
            #expect(refused.error?.detail.contains("--max-patterns-per-socket") == true)
            #expect(
                try await socket.ask(#"{"subscribe":{"name":"b","match":["c*"],"groups":["d"]}}"#).subscribed == "b"
            )
            #expect(try await socket.ask(#"{"unsubscribe":"a"}"#).unsubscribed == "a")
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["e*","f*"]}}"#).subscribed == "a")
        }
    }

    /// Numbers are looked at before names are compared: that costs most.
    @Test func `one subscription too many is refused whatever it follows`() async throws {
        try await TestServer.run({ $0.maximumSubscriptionsPerSocket = 1 }) { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["a*"]}}"#).subscribed == "a")
            #expect(try await socket.ask(#"{"subscribe":{"name":"b","match":["a*"]}}"#).error?.status == 400)
        }
    }

    /// They are compared elsewhere than on the event loop, and frames behind them wait.
    @Test func `many patterns keep their place among other frames`() async throws {
        try await TestServer.run({ $0.maximumPatternsPerStream = 100 }) { server async throws in
            let socket = try await server.socket()
            let groups = (0..<100).map { "\"g\($0)\"" }.joined(separator: ",")
            let patterns = (0..<50).map { "\"p\($0).*\"" }.joined(separator: ",")
            await socket.send(
                "{\"subscribe\":{\"name\":\"a\",\"groups\":[\(groups)]}}",
                "{\"subscribe\":{\"name\":\"b\",\"match\":[\(patterns)]}}",
                #"{"subscribe":{"name":"c","match":["x*","p7.?"]}}"#,
                "{\"subscribe\":{\"name\":\"d\",\"groups\":[\"p7.a\"],\"match\":[\(groups)]},\"ref\":7}",
                #"{"ping":1}"#
            )
            #expect(try await socket.json().subscribed == "a")
            #expect(try await socket.json().subscribed == "b")
            let first = try await socket.json()
            #expect(first.error?.status == 409 && first.subscription == "c")
            #expect(first.error?.detail.contains("'p7.*'") == true)
            let second = try await socket.json()
            #expect(second.error?.status == 400 || second.error?.status == 409)
            #expect(second.subscription == "d")
            #expect(try await socket.text() == #"{"pong":1}"#)
        }
    }

    @Test func `a right has to cover the pattern`() async throws {
        try await AccessTableTests.run { server, _ async throws in
            let token = TokenMaker.token(subscribe: ["orders.*"])
            let socket = try await server.socket("/socket", ["Authorization: Bearer \(token)"])
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["o*"]}}"#).error?.status == 403)
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["orders.eu.*"]}}"#).subscribed == "a")
        }
    }

    @Test func `an application's groups do not match`() async throws {
        try await TestServer.run(reserved: [GroupName("secret.a")]) { server async throws in
            let socket = try await server.socket()
            #expect(try await socket.ask(#"{"subscribe":{"name":"a","match":["*"]}}"#).subscribed == "a")
            try await server.publish("hidden", to: "secret.a")
            try await server.publish("shown", to: "secret.b")
            #expect(try await socket.json().data == "shown")
        }
    }

    @Test func `the address may have patterns`() async throws {
        try await TestServer.run { server async throws in
            let socket = try await server.socket("/events?match=a*&since=all")
            #expect(try await socket.json().subscribed == "")
            try await server.publish("x", to: "ab")
            #expect(try await socket.json().group == "ab")
        }
    }
}
