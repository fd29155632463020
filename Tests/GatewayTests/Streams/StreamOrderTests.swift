import Broker
import Testing

@testable import Gateway

/// All subscribers see all messages in one order, whatever loop they are on and wherever they began.
@Suite(.timeLimit(.minutes(3)), .streamsAndSockets)
struct StreamOrderTests {
    @Test(arguments: [(16 << 20, 64 << 20), (2000, 4000), (1, 1)])
    func `64 publishers, one sequence`(inboxBytes: Int, recentBytes: Int) async throws {
        try await StreamServer.run(
            configure: {
                $0.inboxBytes = inboxBytes
                $0.recentMessageBytes = recentBytes
            },
            { server in
                var clients: [StreamClient] = []
                for index in 0..<24 {
                    clients.append(try await server.stream(of: ["g"], ["", "since=all", "last=5"][index % 3]))
                }
                for client in clients { try await client.opened() }
                let all = try await Self.publish(server, publishers: 64, each: 20)
                // Some come when all is over.
                for _ in 0..<4 { clients.append(try await server.stream(of: ["g"], "since=all")) }
                for client in clients {
                    let receipt = try await server.expectExact(client, ["g"], all)
                    #expect(receipt.sequences.count == all.count)
                }
                #expect(Set(clients.map { $0.receipt.texts }).count == 1)
                if inboxBytes == 1 { #expect(server.gateway.counters.inboxOverflows.value > 0) }
            }
        )
    }

    private static func publish(_ server: StreamServer, publishers: Int, each: Int) async throws -> [Message] {
        try await withThrowingTaskGroup(of: [Message].self) { tasks in
            for publisher in 0..<publishers {
                tasks.addTask {
                    var messages: [Message] = []
                    for number in 0..<each {
                        let message = try await server.publish("\(publisher).\(number)")
                        // A publisher's own messages come in the order in which it sent them.
                        if let last = messages.last?.id, let id = message.id { #expect(last.sequence < id.sequence) }
                        messages.append(message)
                    }
                    return messages
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    @Test func `a message is encoded once for hundreds of subscribers`() async throws {
        try await StreamServer.run { server in
            var clients: [StreamClient] = []
            for index in 0..<240 {
                clients.append(try await server.stream(of: index % 3 == 0 ? ["g", "h"] : ["g"]))
            }
            for client in clients { try await client.opened() }
            let messages = try await server.publish(burst: (0..<50).map { "\($0)" })
            for client in clients { try await server.expectExact(client, ["g"], messages) }
            #expect(messages.map(\.forms.made) == Array(repeating: 1, count: 50))
            let enveloped = try await server.stream(of: ["g"], "envelope=json")
            try await enveloped.opened()
            let message = try await server.publish("both")
            _ = try await enveloped.wait { !$0.messages.isEmpty }
            for client in clients { try await client.messages(through: message.id?.sequence ?? 0) }
            // All messages of WebSockets and of NDJSON have an envelope.
            #expect(message.forms.made == (StreamTransport.current == .eventStream ? 2 : 1))
        }
    }

    @Test func `inboxes that overflow lose nothing`() async throws {
        try await StreamServer.run(
            configure: {
                $0.inboxBytes = 2000
                $0.recentMessageBytes = 20_000
            },
            { server in
                var clients: [StreamClient] = []
                for index in 0..<30 {
                    clients.append(try await server.stream(of: [["a", "b"], ["b"], ["a"]][index % 3]))
                }
                for client in clients { try await client.opened() }
                var published: [Message] = []
                for burst in 0..<12 {
                    published += try await server.publish(
                        burst: (0..<40).map { "\(burst).\($0)" },
                        to: burst % 2 == 0 ? "a" : "b"
                    )
                }
                for (index, client) in clients.enumerated() {
                    try await server.expectExact(client, [["a", "b"], ["b"], ["a"]][index % 3], published)
                }
                #expect(server.gateway.counters.inboxOverflows.value > 0)
            }
        )
    }
}
