import Broker
import Foundation
import Gateway
import Testing

/// Streams end with what they were opened with.
@Suite(.timeLimit(.minutes(1)))
struct TokenEndTests {
    private static func headers(_ token: String) -> [String] { ["Authorization: Bearer \(token)"] }

    @Test func `a token that ends, ends its stream, and the next try is 401`() async throws {
        try await AccessTableTests.run { server, _ in
            let token = TokenMaker.token(subscribe: ["test-group"], expires: 1.5)
            let stream = try await server.stream("/groups/test-group/events", Self.headers(token))
            #expect(try await stream.event()?.type == "stream-open")
            try await server.publish("before")
            #expect(try await stream.event()?.data == "before")
            let last = try await stream.rest()
            #expect(last.contains { if case .retry = $0 { true } else { false } })
            let again = try await server.get("/groups/test-group/events", Self.headers(token))
            #expect(again.status == 401)
            #expect(again["www-authenticate"]?.contains("expired") == true)
        }
    }

    @Test func `a key that goes, ends its streams, and those of others stay`() async throws {
        try await AccessTableTests.run { server, folder in
            let (one, two) = (String(repeating: "1", count: 40), String(repeating: "2", count: 40))
            func write(_ secrets: [String]) throws {
                let keys = secrets.map { #"{"kty":"oct","k":"\#(TokenMaker.encode(Array($0.utf8)))"}"# }
                let file = URL(fileURLWithPath: folder + "/secret")
                try Data("{\"keys\":[\(keys.joined(separator: ","))]}".utf8).write(to: file)
            }
            try write([one, two])
            _ = try await server.gateway.reload()
            let first = try await server.stream(
                "/groups/test-group/events",
                Self.headers(TokenMaker.token(subscribe: ["*"], secret: one))
            )
            let second = try await server.stream(
                "/groups/test-group/events",
                Self.headers(TokenMaker.token(subscribe: ["*"], secret: two))
            )
            for stream in [first, second] { #expect(try await stream.event()?.type == "stream-open") }
            try write([two])
            // Found without being told.
            _ = try await first.rest()
            let refused = try await server.get(
                "/groups/a",
                Self.headers(TokenMaker.token(subscribe: ["*"], secret: one))
            )
            #expect(refused.status == 401)
            try await server.publish("after")
            #expect(try await second.event()?.data == "after")
        }
    }

    @Test func `a request whose token ends while its body comes is refused`() async throws {
        try await AccessTableTests.run { server, folder in
            let connection = try await server.connect()
            let token = TokenMaker.token(publish: ["*"])
            await connection.send(
                "POST /groups/g/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n"
                    + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            #expect(try await connection.head().status == 100)
            try Data(String(repeating: "n", count: 40).utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            #expect(try await server.gateway.reload()?.gone == 1)
            await connection.send("xx")
            let answer = try await connection.response(to: "POST")
            #expect(answer.status == 401)
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test func `keys that are damaged leave the old ones`() async throws {
        try await AccessTableTests.run { server, folder in
            let stream = try await server.stream(
                "/groups/test-group/events",
                Self.headers(TokenMaker.token(subscribe: ["*"]))
            )
            #expect(try await stream.event()?.type == "stream-open")
            try Data("short".utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            await #expect(throws: GatewayError.self) { try await server.gateway.reload() }
            try await server.publish("after")
            #expect(try await stream.event()?.data == "after")
            try FileManager.default.removeItem(atPath: folder + "/secret")
            await #expect(throws: GatewayError.self) { try await server.gateway.reload() }
            let token = TokenMaker.token(subscribe: ["*"])
            #expect(try await server.get("/groups/a", Self.headers(token)).status == 200)
        }
    }

    @Test func `a damaged file does not keep the others from counting`() async throws {
        let kept = APIKeyFile.Entry(name: "a", sha256: APIKeyFile.digest(of: "nk_a"), subscribe: ["*"])
        let new = APIKeyFile.Entry(name: "b", sha256: APIKeyFile.digest(of: "nk_b"), subscribe: ["*"])
        try await AccessTableTests.run(apiKeys: APIKeyFile(keys: [kept])) { server, folder in
            try Data("short".utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            let file = URL(fileURLWithPath: folder + "/keys.json")
            try JSONEncoder().encode(APIKeyFile(keys: [new])).write(to: file)
            // Found without being told.
            while try await server.get("/groups/a", Self.headers("nk_b")).status != 200 { try Task.checkCancellation() }
            #expect(try await server.get("/groups/a", Self.headers("nk_a")).status == 401)
            let token = TokenMaker.token(subscribe: ["*"])
            #expect(try await server.get("/groups/a", Self.headers(token)).status == 200)
        }
    }

    @Test func `an API key that is changed or goes, ends its streams`() async throws {
        let kept = APIKeyFile.Entry(name: "a", sha256: APIKeyFile.digest(of: "nk_a"), subscribe: ["*"])
        var changed = APIKeyFile.Entry(name: "b", sha256: APIKeyFile.digest(of: "nk_b"), subscribe: ["*"])
        try await AccessTableTests.run(apiKeys: APIKeyFile(keys: [kept, changed])) { server, folder in
            let streams = [
                try await server.stream("/groups/test-group/events", Self.headers("nk_a")),
                try await server.stream("/groups/test-group/events", Self.headers("nk_b")),
            ]
            for stream in streams { #expect(try await stream.event()?.type == "stream-open") }
            changed.subscribe = ["x"]
            let file = URL(fileURLWithPath: folder + "/keys.json")
            try JSONEncoder().encode(APIKeyFile(keys: [kept, changed])).write(to: file)
            let report = try await server.gateway.reload()
            #expect(report?.gone == 1)
            _ = try await streams[1].rest()
            try await server.publish("after")
            #expect(try await streams[0].event()?.data == "after")
            #expect(try await server.get("/groups/test-group", Self.headers("nk_b")).status == 403)
        }
    }
}
