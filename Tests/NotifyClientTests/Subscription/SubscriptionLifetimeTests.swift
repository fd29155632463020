import NotifyClient
import ScriptedServer
import Testing

/// Who closes the connection, and whose pace it has.
@Suite(.timeLimit(.minutes(2)))
struct SubscriptionLifetimeTests {
    @Test func `cancelling closes the connection`() async throws {
        let (gone, announce) = AsyncStream.makeStream(of: Void.self)
        let (open, opened) = AsyncStream.makeStream(of: Void.self)
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            opened.finish()
            try await exchange.closed()
            announce.finish()
        }
        try await SubscriptionTests.with(script: script) { client, _ in
            let task = Task {
                for try await _ in try client.subscribe(groups: ["g"]) {}
            }
            for await _ in open {}
            task.cancel()
            for await _ in gone {}
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func `letting go of the iterator closes the connection`() async throws {
        let (gone, announce) = AsyncStream.makeStream(of: Void.self)
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            try await exchange.message(1)
            try await exchange.closed()
            announce.finish()
        }
        try await SubscriptionTests.with(script: script) { client, _ in
            for try await _ in try client.subscribe(groups: ["g"]) { break }
            for await _ in gone {}
        }
    }

    @Test func `shutdown ends a subscription`() async throws {
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            try await exchange.message(1)
            try await exchange.closed()
        }
        try await SubscriptionTests.with(script: script) { client, _ in
            var iterator = try client.subscribe(groups: ["g"]).makeAsyncIterator()
            _ = try await iterator.next()
            async let shutdown: Void = client.shutdown()
            let error = try await NotifyClientTests.error { _ = try await iterator.next() }
            #expect(error.code == .closed)
            try await shutdown
        }
    }

    @Test func `a slow consumer holds the socket back`() async throws {
        let written = SubscriptionTests.Counter()
        let data = String(repeating: "x", count: 64 * 1024)
        let count = 600
        let (stuck, announce) = AsyncStream.makeStream(of: Void.self)
        let script: ScriptedServer.Script = { _, exchange in
            try await exchange.open(at: "e-0")
            let writer = Task {
                for sequence in 1...count {
                    try await exchange.message(sequence, data: data)
                    written.increment()
                }
            }
            // The writes stop coming through: no progress over a while is the sign that the socket is full.
            var before = -1
            while before != written.value {
                before = written.value
                try await Task.sleep(for: .milliseconds(200))
            }
            announce.finish()
            try await writer.value
        }
        try await SubscriptionTests.with(script: script) { client, _ in
            var iterator = try client.subscribe(groups: ["g"]).makeAsyncIterator()
            #expect(try await iterator.next()?.id == "e-1")
            for await _ in stuck {}
            #expect(written.value < count / 2)
            for sequence in 2...count { #expect(try await iterator.next()?.id == "e-\(sequence)") }
        }
    }
}
