import Broker
import Testing

@testable import Gateway

/// Positions across deleted messages, other databases, and what retention took.
@Suite(.timeLimit(.minutes(3)), .eachTransport)
struct PositionTests {
    struct Reset: Decodable, Equatable {
        let reason: String
        let requested: String
        let oldest: String?
    }

    private static func reset(_ receipt: StreamReceipt) throws -> Reset {
        try Message(text: try #require(receipt.reset).data).json(as: Reset.self)
    }

    private func fill(_ server: StreamServer, _ count: Int, _ group: String = "g") async throws {
        for number in 0..<count { try await server.publish("\(number)", to: group) }
    }

    @Test func `an id is not used again after the newest was deleted`() async throws {
        try await StreamServer.withFolder { folder in
            let path = folder + "/test.sqlite"
            var cursor = ""
            try await StreamServer.run(path: path) { server in
                try await fill(server, 3)
                #expect(try await server.sqlite.delete(3, in: GroupName("g")))
                let client = try await server.stream(of: ["g"], lastEventID: server.position(3))
                #expect(try await client.opened().sequence == 3)
                #expect(try await server.publish("after").id?.sequence == 4)
                #expect(try await client.messages(through: 4).map(\.data) == ["after"])
                #expect(client.receipt.reset == nil)
                #expect(try await server.sqlite.delete(4, in: GroupName("g")))
                cursor = client.receipt.lastEventID
            }
            try await StreamServer.run(path: path) { server in
                #expect(server.log.frontier.sequence == 4)
                let client = try await server.stream(of: ["g"], lastEventID: cursor)
                #expect(try await client.opened().data.contains("\"resumed\":true"))
                #expect(try await server.publish("again").id?.sequence == 5)
                #expect(try await client.messages(through: 5).map(\.data) == ["again"])
                #expect(client.receipt.reset == nil)
            }
        }
    }

    @Test func `a deleted message is no gap`() async throws {
        try await StreamServer.run { server in
            try await fill(server, 6)
            #expect(try await server.sqlite.delete(3, in: GroupName("g")))
            #expect(try await !server.sqlite.delete(3, in: GroupName("g")))
            let client = try await server.stream(of: ["g"], lastEventID: server.position(2))
            try await client.messages(through: 6)
            #expect(client.receipt.sequences == [4, 5, 6])
            #expect(client.receipt.reset == nil)
        }
    }

    @Test func `another database's position is answered with a reset`() async throws {
        var cursor = ""
        try await StreamServer.run { server in
            try await fill(server, 5)
            cursor = server.position(2)
        }
        try await StreamServer.run { server in
            try await fill(server, 3)
            let client = try await server.stream(of: ["g"], lastEventID: cursor)
            let receipt = try await client.wait { $0.reset != nil }
            #expect(try Self.reset(receipt) == Reset(reason: "unknown-epoch", requested: cursor, oldest: nil))
            #expect(receipt.opening?.id == server.position(3))
            #expect(receipt.reset?.id == server.position(3))
            #expect(receipt.opening?.data.contains("\"resumed\":false") == true)
            try await server.publish("next")
            #expect(try await client.messages(through: 4).map(\.data) == ["next"])
        }
    }

    @Test(arguments: ["x", "aaaa", "aaaa-", "-1", "aaaa-1x", "AAAA-1", "aaaa-99999999999999999999"])
    func `what is no id is answered with a reset`(id: String) async throws {
        try await StreamServer.run { server in
            try await fill(server, 2)
            let client = try await server.stream(of: ["g"], "last_event_id=\(id)&since=all")
            let receipt = try await client.wait { $0.reset != nil }
            #expect(receipt.body.status == StreamTransport.current.status)
            #expect(try Self.reset(receipt) == Reset(reason: "malformed", requested: id, oldest: nil))
            try await server.publish("next")
            #expect(try await client.messages(through: 3).map(\.data) == ["next"])
        }
    }

    /// As a browser that has seen no id yet sends none.
    @Test func `an empty id is none`() async throws {
        try await StreamServer.run { server in
            try await fill(server, 2)
            let client = try await server.stream(of: ["g"], "last_event_id=&since=all")
            #expect(try await client.messages(through: 2).count == 2)
            #expect(try await client.wait { $0.opening != nil }.reset == nil)
        }
    }

    @Test func `a position beyond everything is answered with a reset`() async throws {
        try await StreamServer.run { server in
            try await fill(server, 2)
            let client = try await server.stream(of: ["g"], lastEventID: server.position(3))
            let receipt = try await client.wait { $0.reset != nil }
            #expect(
                try Self.reset(receipt) == Reset(reason: "future", requested: server.position(3), oldest: nil)
            )
            #expect(receipt.opening?.sequence == 2)
            try await server.publish("next")
            #expect(try await client.messages(through: 3).map(\.data) == ["next"])
        }
    }

    @Test func `a position before what retention took is expired, and all that is left follows`() async throws {
        try await StreamServer.run { server in
            try await fill(server, 20)
            try await server.sqlite.remove(GroupName("g"), through: 10)
            let client = try await server.stream(of: ["g"], lastEventID: server.position(5))
            try await client.messages(through: 20)
            let receipt = client.receipt
            #expect(
                try Self.reset(receipt)
                    == Reset(reason: "expired", requested: server.position(5), oldest: server.position(11))
            )
            #expect(receipt.control.map(\.event) == ["stream-open", "stream-reset"])
            #expect(receipt.control.map(\.id) == [server.position(10), server.position(10)])
            #expect(receipt.opening?.data.contains("\"resumed\":false") == true)
            #expect(receipt.sequences == Array(11...20))
        }
    }

    @Test(arguments: [10, 11, 15] as [Int64])
    func `a position from which nothing was taken goes on without a word`(sequence: Int64) async throws {
        try await StreamServer.run { server in
            try await fill(server, 20)
            try await server.sqlite.remove(GroupName("g"), through: 10)
            let client = try await server.stream(of: ["g"], lastEventID: server.position(sequence))
            try await client.messages(through: 20)
            #expect(client.receipt.reset == nil)
            #expect(client.receipt.sequences == Array((sequence + 1)...20))
        }
    }

    @Test func `a quiet group's old position is no gap`() async throws {
        try await StreamServer.run { server in
            try await server.publish("quiet", to: "quiet")
            try await fill(server, 20)
            try await server.sqlite.remove(GroupName("g"), through: 15)
            let quiet = try await server.stream(of: ["quiet"], lastEventID: server.position(1))
            #expect(try await quiet.opened().data.contains("\"resumed\":true"))
            let both = try await server.stream(of: ["quiet", "g"], lastEventID: server.position(1))
            try await both.messages(through: 21)
            #expect(try Self.reset(both.receipt).reason == "expired")
            // All that is stored of its groups: also what it had.
            #expect(both.receipt.sequences == [1] + Array(16...21))
            try await server.publish("more", to: "quiet")
            #expect(try await quiet.messages(through: 22).map(\.data) == ["more"])
            #expect(quiet.receipt.reset == nil)
        }
    }

    @Test func `where nothing is left the stream goes on live`() async throws {
        try await StreamServer.run { server in
            try await fill(server, 5)
            try await server.sqlite.remove(GroupName("g"), through: 5)
            let client = try await server.stream(of: ["g"], lastEventID: server.position(2))
            let receipt = try await client.wait { $0.reset != nil }
            #expect(try Self.reset(receipt) == Reset(reason: "expired", requested: server.position(2), oldest: nil))
            #expect(receipt.opening?.sequence == 5)
            try await server.publish("next")
            #expect(try await client.messages(through: 6).map(\.data) == ["next"])
        }
    }
}
