import Broker
import Hummingbird
import NIOCore

/// The counters in Prometheus' text format.
struct MetricsRoutes: Sendable {
    let log: MessageLog
    let shared: Shard.SharedState

    private var counters: Counters { shared.counters }

    func register(in router: Router<GatewayContext>) {
        router.resource("/metrics", [.get: RouteHandler(needs: .server(.admin)) { _, _ in answer }])
    }

    private enum Kind: String {
        case counter, gauge
    }

    private var answer: Answer {
        var answer = Answer(status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"])
        for (name, kind, help, value) in figures {
            answer.body.writeString(
                "# HELP notify_\(name) \(help)\n# TYPE notify_\(name) \(kind.rawValue)\nnotify_\(name) \(value)\n"
            )
        }
        return answer
    }

    private var figures: [(String, Kind, String, Int)] {
        let layer = log.layer.counters
        let sizes = try? log.store.sizes()
        return [
            ("connections", .gauge, "Open connections, streams among them.", counters.connections.value),
            ("http2_streams", .gauge, "Open streams of HTTP/2, requests among them.", counters.http2Streams.value),
            (
                "failed_handshakes_total", .counter, "Connections of TLS that ended before both sides had agreed.",
                counters.failedHandshakes.value
            ),
            ("streams", .gauge, "Open streams.", counters.streams.value),
            ("streams_live", .gauge, "Streams that get each message as it comes.", counters.liveStreams.value),
            ("sockets", .gauge, "Open WebSockets. Each of their subscriptions is a stream.", counters.sockets.value),
            (
                "socket_faults_total", .counter, "WebSockets that ended since the client broke the protocol.",
                counters.socketFaults.value
            ),
            (
                "refused_socket_requests_total", .counter, "Requests of WebSockets that were refused.",
                counters.refusedSocketRequests.value
            ),
            ("deliveries_total", .counter, "Messages written to streams.", counters.deliveries.value),
            ("delivered_bytes_total", .counter, "Bytes of messages written to streams.", counters.deliveredBytes.value),
            ("batches_total", .counter, "Buffers written to streams.", counters.batches.value),
            ("fell_behind_total", .counter, "Times a stream's socket took no more.", counters.fellBehind.value),
            (
                "dropped_unstored_total", .counter, "Unstored messages that a stream did not get.",
                counters.droppedUnstored.value
            ),
            (
                "inbox_overflows_total", .counter, "Times an event loop left messages to the store.",
                counters.inboxOverflows.value
            ),
            ("page_reads_total", .counter, "Pages of history read for streams.", counters.pageReads.value),
            ("waiting_reads", .gauge, "Reads of the database that wait for their turn.", log.store.waitingReads),
            (
                "dropped_reads_total", .counter, "Reads given up since all who waited for them had gone.",
                counters.droppedReads.value
            ),
            ("pinned_bytes", .gauge, "Bytes that wait for slow sockets.", counters.pinnedBytes.value),
            ("answer_bytes", .gauge, "Bytes of large answers that wait for slow clients.", shared.answers.budget.used),
            ("request_body_bytes", .gauge, "Bodies of requests in memory.", shared.bodies.used),
            ("recent_bytes", .gauge, "Recent messages in memory.", counters.recentBytes.value),
            ("recent_evictions_total", .counter, "Recent messages that left memory.", counters.recentEvictions.value),
            (
                "streams_gone_total", .counter, "Streams closed since the peer acknowledged nothing.",
                counters.gonePeers.value
            ),
            ("streams_stalled_total", .counter, "Streams closed since the peer read nothing.", counters.stalled.value),
            (
                "streams_pinned_total", .counter, "Streams closed since too much waited for sockets.",
                counters.pinnedTooMuch.value
            ),
            ("refused_connections_total", .counter, "Connections over the limit.", counters.refusedConnections.value),
            (
                "rated_publishers", .gauge, "Tokens and addresses whose publishes are counted.",
                shared.strangers.publishers
            ),
            ("refused_publishes_total", .counter, "Publishes over a client's rate.", counters.refusedPublishes.value),
            ("refused_tokens_total", .counter, "Tokens that did not count.", counters.refusedTokens.value),
            (
                "publishes_total", .counter, "Publishes over HTTP that were stored, many messages at once as one.",
                counters.publishes.value
            ),
            ("database_bytes", .gauge, "Size of the database's file.", sizes?.database ?? 0),
            ("write_ahead_log_bytes", .gauge, "Size of its write-ahead log.", sizes?.writeAheadLog ?? 0),
            ("emptied_groups", .gauge, "Groups that retention or a purge emptied.", log.store.emptiedGroups),
            ("waiting_publishes", .gauge, "Publishes that wait for the store.", log.waitingPublishes),
            ("layer_sent_total", .counter, "Messages sent to channels and groups.", Int(clamping: layer.sent)),
            (
                "layer_dropped_total", .counter, "Messages that a full channel did not take.",
                Int(clamping: layer.dropped)
            ),
        ]
    }
}
