import Broker
import Gateway
import Testing

/// `/readyz` proves that messages get through.
@Suite(.timeLimit(.minutes(1)))
struct ReadinessTests {
    @Test func `a server that delivers is ready, and uses no sequence for that`() async throws {
        try await StreamServer.run { server in
            let stream = try await server.stream(of: ["g"])
            try await stream.opened()
            for _ in 0..<3 {
                let answer = try await server.server.get("/readyz")
                #expect(answer.status == 200)
                #expect(answer.text.contains("ready"))
            }
            #expect(server.log.frontier.sequence == 0)
            #expect(try await server.publish("1").id?.sequence == 1)
            await stream.close()
        }
    }

    @Test func `a store that takes no writes is told`() async throws {
        try await StreamServer.runPausing { stream, store in
            let server = stream.server
            #expect(try await server.get("/readyz").status == 200)
            store.refuseWrites(true)
            // What was found a moment ago is told for a second.
            var answer = try await server.get("/readyz")
            while answer.status == 200 { answer = try await server.get("/readyz") }
            try expectProblem(answer, 503, "takes no writes", "disk is full")
            #expect(answer["retry-after"] == "1")
            #expect(try await server.get("/healthz").status == 200)
            store.refuseWrites(false)
            while try await server.get("/readyz").status != 200 { try Task.checkCancellation() }
        }
    }
}
