import Broker
import NIOCore

/// Everything that the server tells of itself, as figures. Each is explained in docs/operations/metrics.md.
///
/// The figures are counted where things happen, with one addition each; here they are only read. So it does not matter how
/// many read them, and nobody who publishes pays for those who look.
struct GatewayMetrics: Sendable {
    let log: MessageLog
    let shared: Shard.SharedState
    let configuration: GatewayConfiguration

    private var counters: Counters { shared.counters }

    /// Those of the gateway and of the message log; the process's own are not among them.
    var families: [MetricFamily] {
        server + connections + streams + presence + refusals + publishes + memory + store + layer
    }

    private var server: [MetricFamily] {
        let now = NIODeadline.now()
        let lags = shared.lags.all.enumerated().map { index, lag in
            (label: "\(index)", value: MetricFamily.Value.real(Double(lag.current(at: now)) / 1e9))
        }
        return [
            .labelled(
                .gauge,
                "notify_build_info",
                "Always 1; the label says which version runs.",
                by: "version",
                [(NotifyVersion.current, .whole(1))]
            ),
            .labelled(
                .gauge,
                "notify_event_loop_current_lag_seconds",
                "How much later than planned each event loop came to its timer, or how late it is now.",
                by: "loop",
                lags
            ),
            .seconds(
                "notify_event_loop_lag_seconds",
                "How much later than planned event loops came to their timers, which call once a second.",
                counters.loopLags
            ),
        ]
    }

    private var connections: [MetricFamily] {
        let open = counters.connections.value
        let known = counters.transports.values.map { (label: $0.label.rawValue, value: max(0, $0.value)) }
        let silent = max(0, open - known.reduce(0) { $0 + $1.value })
        return [
            .gauge("notify_connections", "Open connections, streams among them.", open),
            .gauge("notify_connections_limit", "Connections that are allowed.", configuration.maximumConnections),
            .labelled(
                .gauge,
                "notify_transport_connections",
                "Open connections by what they speak; 'undecided' ones have not said it yet.",
                by: "transport",
                (known + [("undecided", silent)]).map { ($0.label, .whole($0.value)) }
            ),
            .gauge(
                "notify_http2_streams",
                "Open streams of HTTP/2, requests among them.",
                counters.http2Streams.value
            ),
            .counter(
                "notify_failed_handshakes_total",
                "Connections of TLS that ended before both sides had agreed.",
                counters.failedHandshakes.value
            ),
        ]
    }

    private var streams: [MetricFamily] {
        let (open, live) = (counters.streams.value, counters.liveStreams.value)
        let (unstored, inboxes) = (counters.droppedUnstored.value, counters.droppedInInboxes.value)
        return [
            .gauge("notify_streams", "Open streams.", open),
            .gauge("notify_polls", "Long polls that wait; they are among the streams.", counters.polls.value),
            .gauge(
                "notify_sockets",
                "Open WebSockets. Each of their subscriptions is a stream.",
                counters.sockets.value
            ),
            .counter(
                "notify_socket_faults_total",
                "WebSockets that ended since the client broke the protocol.",
                counters.socketFaults.value
            ),
            .counter(
                "notify_refused_socket_requests_total",
                "Requests of WebSockets that were refused.",
                counters.refusedSocketRequests.value
            ),
            .labelled(
                .gauge,
                "notify_streamed_responses",
                "Open responses whose bodies routes of the program make while they are sent, by what they are.",
                by: "kind",
                counters.streamedResponses.values.map { ($0.label.rawValue, .whole(max(0, $0.value))) }
            ),
            .counter(
                "notify_failed_streamed_responses_total",
                "Streamed responses that broke off since the route has failed.",
                counters.failedResponses.value
            ),
            .gauge("notify_streams_live", "Streams that get each message as it comes.", live),
            .gauge(
                "notify_streams_catching_up",
                "Streams that read from memory or the store until they have caught up.",
                max(0, open - live)
            ),
            .counter("notify_deliveries_total", "Messages written to streams.", counters.deliveries.value),
            .counter(
                "notify_delivered_bytes_total",
                "Bytes of messages written to streams.",
                counters.deliveredBytes.value
            ),
            .counter("notify_batches_total", "Buffers written to streams.", counters.batches.value),
            .counter(
                "notify_fell_behind_total",
                "Times a stream's socket took no more.",
                counters.fellBehind.value
            ),
            .counter(
                "notify_resets_total",
                "Streams that could not go on from where their clients were, by reason.",
                by: "reason",
                counters.resets
            ),
            .counter(
                "notify_dropped_unstored_total",
                "Unstored messages that a stream did not get.",
                unstored
            ),
            .labelled(
                .counter,
                "notify_dropped_total",
                "Messages that somebody did not get and cannot ask for again, by reason.",
                by: "reason",
                [
                    ("catching_up", .whole(max(0, unstored - inboxes))), ("inbox_full", .whole(inboxes)),
                    ("channel_full", .whole(Int(clamping: log.layer.counters.dropped))),
                    ("channel_expired", .whole(Int(clamping: log.layer.counters.expired))),
                ]
            ),
            .counter(
                "notify_inbox_overflows_total",
                "Times an event loop left messages to the store.",
                counters.inboxOverflows.value
            ),
            .counter("notify_page_reads_total", "Pages of history read for streams.", counters.pageReads.value),
            .counter(
                "notify_streams_gone_total",
                "Streams closed since the peer acknowledged nothing.",
                counters.gonePeers.value
            ),
            .counter(
                "notify_streams_stalled_total",
                "Streams closed since the peer read nothing.",
                counters.stalled.value
            ),
            .counter(
                "notify_streams_pinned_total",
                "Streams closed since too much waited for sockets.",
                counters.pinnedTooMuch.value
            ),
        ]
    }

    private var refusals: [MetricFamily] {
        [
            .counter(
                "notify_rejections_total",
                "Requests, streams and connections that were refused, by reason.",
                by: "reason",
                counters.rejections
            ),
            .counter(
                "notify_refused_connections_total",
                "Connections over the limit.",
                counters.refusedConnections.value
            ),
            .counter(
                "notify_refused_publishes_total",
                "Publishes over a client's rate.",
                counters.refusedPublishes.value
            ),
            .counter("notify_refused_tokens_total", "Tokens that did not count.", counters.refusedTokens.value),
            .gauge(
                "notify_followed_patterns",
                "Patterns that are followed, each counted once.",
                shared.patterns.count
            ),
            .gauge(
                "notify_rated_publishers",
                "Tokens and addresses whose publishes are counted.",
                shared.strangers.publishers
            ),
        ]
    }

    private var publishes: [MetricFamily] {
        [
            .counter(
                "notify_publishes_total",
                "Publishes over HTTP that were stored, many messages at once as one.",
                counters.publishTimes.count
            ),
            .seconds(
                "notify_publish_seconds",
                "How long publishes over HTTP took that were stored, from the whole request to the answer.",
                counters.publishTimes
            ),
            .seconds(
                "notify_commit_seconds",
                "How long batches of publishes took to be stored and handed to the event loops.",
                log.counters.commitTimes
            ),
            .histogram(
                "notify_commit_messages",
                "How many messages were stored together.",
                log.counters.batchSizes
            ),
            .counter(
                "notify_failed_commits_total",
                "Batches of publishes that the store did not take.",
                log.counters.failedBatches.value
            ),
            .gauge("notify_waiting_publishes", "Publishes that wait for the store.", log.waitingPublishes),
            .gauge(
                "notify_waiting_publish_bytes",
                "Memory of the publishes that are not stored yet.",
                log.waitingPublishBytes
            ),
            .gauge(
                "notify_waiting_publish_limit_bytes",
                "Memory that publishes may take that are not stored yet.",
                log.configuration.maximumWaitingBytes
            ),
        ]
    }

    private var memory: [MetricFamily] {
        [
            .gauge("notify_request_body_bytes", "Bodies of requests in memory.", shared.bodies.used),
            .gauge(
                "notify_request_body_limit_bytes",
                "Memory that bodies of requests may take.",
                shared.bodies.limit
            ),
            .gauge(
                "notify_answer_bytes",
                "Bytes of large answers that wait for slow clients.",
                shared.answers.budget.used
            ),
            .gauge(
                "notify_answer_limit_bytes",
                "Memory that large answers may take.",
                shared.answers.budget.limit
            ),
            .gauge("notify_pinned_bytes", "Bytes that wait for slow sockets.", counters.pinnedBytes.value),
            .gauge(
                "notify_pinned_limit_bytes",
                "Bytes that may wait for slow sockets.",
                configuration.pinnedBytes
            ),
            .gauge("notify_recent_bytes", "Recent messages in memory.", counters.recentBytes.value),
            .counter(
                "notify_recent_evictions_total",
                "Recent messages that left memory.",
                counters.recentEvictions.value
            ),
        ]
    }

    private var store: [MetricFamily] {
        let sizes = try? log.store.sizes()
        return [
            .gauge("notify_database_bytes", "Size of the database's file.", sizes?.database ?? 0),
            .gauge("notify_write_ahead_log_bytes", "Size of its write-ahead log.", sizes?.writeAheadLog ?? 0),
            .gauge(
                "notify_emptied_groups",
                "Groups that retention or a purge emptied.",
                log.store.emptiedGroups
            ),
            .gauge(
                "notify_waiting_reads",
                "Reads of the database that wait for their turn.",
                log.store.waitingReads
            ),
            .counter(
                "notify_dropped_reads_total",
                "Reads given up since all who waited for them had gone.",
                counters.droppedReads.value
            ),
        ]
    }

    private var layer: [MetricFamily] {
        let layer = log.layer.counters
        return [
            .counter("notify_layer_sent_total", "Messages sent to channels and groups.", Int(clamping: layer.sent)),
            .counter(
                "notify_layer_delivered_total",
                "Messages that a channel's reader or an event loop took.",
                Int(clamping: layer.delivered)
            ),
            .counter(
                "notify_layer_dropped_total",
                "Messages that a full channel did not take.",
                Int(clamping: layer.dropped)
            ),
        ]
    }
}
