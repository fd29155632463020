import Broker
import Testing

@testable import Gateway

/// What `GET /metrics` says (https://prometheus.io/docs/instrumenting/exposition_formats/).
@Suite(.timeLimit(.minutes(1)))
struct MetricsTests {
    /// By names with labels. Each line belongs to the metric that was explained before it.
    static func samples(_ text: String) throws -> [String: Double] {
        var samples: [String: Double] = [:]
        var (help, type) = ("", "")
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# HELP ") {
                help = String(words[2])
                #expect(words.count > 3)
            } else if line.hasPrefix("# TYPE ") {
                #expect(words[2] == help)
                type = String(words[3])
            } else {
                let space = try #require(line.lastIndex(of: " "))
                let key = String(line[..<space])
                let name = key.prefix { $0 != "{" }
                let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                #expect(suffixes.contains { name == help + $0 }, "\(line)")
                let value: Double = try #require(Double(line[line.index(after: space)...]), "\(line)")
                #expect(samples.updateValue(value, forKey: key) == nil, "\(key) comes twice")
            }
        }
        return samples
    }

    @Test func `what happens is counted`() async throws {
        try await TestServer.run { server async throws in
            let stream = try await server.stream()
            #expect(try await server.post("/groups/test-group/messages", "1").status == 201)
            let lines = "{\"group\":\"test-group\",\"data\":2}\n{\"group\":\"test-group\",\"data\":3}"
            #expect(try await server.post("/messages", ["Content-Type: application/x-ndjson"], lines).status == 201)
            _ = try await stream.events(4)
            let response = try await server.get("/metrics")
            #expect(response["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            let samples = try Self.samples(response.text)
            #expect(samples["notify_streams"] == 1)
            #expect(samples["notify_streams_live"] == 1)
            #expect(samples["notify_streams_catching_up"] == 0)
            #expect(samples["notify_deliveries_total"] == 3)
            #expect(samples["notify_publishes_total"] == 2)
            #expect(samples["notify_publish_seconds_count"] == 2)
            #expect(samples["notify_publish_seconds_bucket{le=\"+Inf\"}"] == 2)
            #expect(samples["notify_commit_messages_sum"] == 3)
            #expect(samples["notify_commit_messages_bucket{le=\"1\"}"] == 1)
            #expect(samples["notify_commit_messages_bucket{le=\"2\"}"] == 2)
            #expect(samples["notify_commit_seconds_count"] == 2)
            #expect(samples["notify_waiting_publishes"] == 0)
            #expect(samples["notify_waiting_publish_bytes"] == 0)
            #expect(samples["notify_build_info{version=\"unreleased\"}"] == 1)
            #expect(samples["notify_event_loop_current_lag_seconds{loop=\"1\"}"] != nil)
            #expect(samples["notify_event_loop_current_lag_seconds{loop=\"2\"}"] == nil)
        }
    }

    @Test func `a stream that cannot go on is counted by its reason`() async throws {
        try await TestServer.run { server async throws in
            for (id, reason) in [
                ("nonsense", "malformed"), ("zzzz-1", "unknown-epoch"), (server.id(99), "future"), (server.id(0), ""),
            ] {
                let stream = try await server.stream("/groups/g/events?last_event_id=\(id)")
                #expect(try await stream.event()?.type == "stream-open")
                if !reason.isEmpty { #expect(try await stream.event()?.type == "stream-reset") }
                await stream.close()
            }
            let samples = try Self.samples(try await server.get("/metrics").text)
            let resets = samples.filter { $0.key.hasPrefix("notify_resets_total") && $0.value > 0 }
            #expect(
                resets == [
                    "notify_resets_total{reason=\"malformed\"}": 1, "notify_resets_total{reason=\"unknown-epoch\"}": 1,
                    "notify_resets_total{reason=\"future\"}": 1,
                ]
            )
        }
    }

    @Test func `event loops are looked at`() async throws {
        // A quarter of this is how often they are.
        try await TestServer.run({ $0.headTimeout = .milliseconds(40) }) { server async throws in
            try await eventually { server.gateway.counters.loopLags.count >= 4 }
        }
    }
}
