import Testing

/// The counters in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
@Suite(.timeLimit(.minutes(1)))
struct MetricsTests {
    private static func samples(_ text: String) throws -> [String: Int] {
        var samples: [String: Int] = [:]
        var explained: Set<Substring> = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# HELP ") || line.hasPrefix("# TYPE ") {
                explained.insert(words[2])
            } else {
                try #require(words.count == 2 && explained.contains(words[0]), "\(line)")
                let value: Int = try #require(Int(words[1]))
                samples[String(words[0])] = value
            }
        }
        return samples
    }

    @Test func `what happens is counted`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            #expect(try await server.post("/groups/test-group/messages", "1").status == 201)
            let lines = "{\"group\":\"test-group\",\"data\":2}\n{\"group\":\"test-group\",\"data\":3}"
            #expect(try await server.post("/messages", ["Content-Type: application/x-ndjson"], lines).status == 201)
            _ = try await stream.events(4)
            let response = try await server.get("/metrics")
            #expect(response["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let samples = try Self.samples(response.text)
            #expect(samples["notify_streams"] == 1)
            #expect(samples["notify_deliveries_total"] == 3)
            #expect(samples["notify_publishes_total"] == 2)
            #expect(samples["notify_waiting_publishes"] == 0)
        }
    }
}
