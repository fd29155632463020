public import Broker
public import NIOCore
public import Synchronization

/// What the gateway counts, over all event loops. Reading never waits; figures of one moment need not agree exactly.
public final class Counters: Sendable {
    /// Open connections, streams among them.
    public let connections = Atomic<Int>(0)
    /// Open streams of HTTP/2: requests and event streams.
    public let http2Streams = Atomic<Int>(0)
    /// Open streams.
    public let streams = Atomic<Int>(0)
    /// Long polls that wait; they are streams, too.
    public let polls = Atomic<Int>(0)
    /// Streams that get each message as it comes. The others are opening or catching up.
    public let liveStreams = Atomic<Int>(0)
    /// Open WebSockets. Each of their subscriptions is a stream.
    public let sockets = Atomic<Int>(0)
    /// WebSockets that ended since their clients broke the protocol.
    public let socketFaults = Atomic<Int>(0)
    /// Requests of WebSockets that were refused.
    public let refusedSocketRequests = Atomic<Int>(0)
    /// Events of presence written to streams, counted for each stream.
    public let presenceEvents = Atomic<Int>(0)
    /// Open responses whose bodies routes of the program make while they are sent, by what they are.
    public let streamedResponses = LabelledTally<StreamedKind>()
    /// Those of them that ended before they were whole, since the route has failed.
    public let failedResponses = Atomic<Int>(0)
    /// Messages written to streams, counted for each stream.
    public let deliveries = Atomic<Int>(0)
    /// Bytes of messages written to streams.
    public let deliveredBytes = Atomic<Int>(0)
    /// Buffers written to streams, counted for each stream: each took one write.
    public let batches = Atomic<Int>(0)
    /// Times a stream fell behind: its socket took no more, and it went on from its position.
    public let fellBehind = Atomic<Int>(0)
    /// Unstored messages that a stream did not get, since it was catching up or an inbox was full.
    public let droppedUnstored = Atomic<Int>(0)
    /// Times an inbox was over its bound and its messages were left to be read from the store.
    public let inboxOverflows = Atomic<Int>(0)
    /// Pages that streams had read from the store.
    public let pageReads = Atomic<Int>(0)
    /// Reads of the store that were given up since all who waited for them had gone.
    public let droppedReads = Atomic<Int>(0)
    /// Streams closed because the peer read nothing for the stall time-out, or did not read one that had ended to its end.
    public let stalled = Atomic<Int>(0)
    /// Streams closed because the peer acknowledged nothing any more.
    public let gonePeers = Atomic<Int>(0)
    /// Streams closed because the bytes that wait for slow sockets were over their bound, in all.
    public let pinnedTooMuch = Atomic<Int>(0)
    /// Bytes that wait for slow sockets, as of the last look (four times per heartbeat). Where streams share a buffer it
    /// is counted for each.
    public let pinnedBytes = Atomic<Int>(0)
    /// Recent messages in memory, in bytes with what they cost beside their data.
    public let recentBytes = Atomic<Int>(0)
    /// Recent messages that left memory for newer ones.
    public let recentEvictions = Atomic<Int>(0)
    /// Connections of TLS that ended before both sides had agreed.
    public let failedHandshakes = Atomic<Int>(0)
    /// Connections, and streams of HTTP/2, refused over the limit.
    public let refusedConnections = Atomic<Int>(0)
    /// Publishes over a client's rate (``GatewayConfiguration/publishRate``).
    public let refusedPublishes = Atomic<Int>(0)
    /// Tokens that did not count: malformed, forged, expired, of an unknown key.
    public let refusedTokens = Atomic<Int>(0)
    /// How long publishes over HTTP took that were stored, from the request to the answer, in nanoseconds; many messages at
    /// once are one.
    public let publishTimes = Histogram.ofDurations()
    /// Open connections by what they speak. One that has not said it yet is in none of them.
    public let transports = LabelledTally<Transport>()
    /// Requests, streams and connections that were refused.
    public let rejections = LabelledTally<Rejection>()
    /// Streams that could not go on from where their clients were.
    let resets = LabelledTally<StreamPreamble.ResetReason>()
    /// Those of ``droppedUnstored`` that an inbox had no room for.
    let droppedInInboxes = Atomic<Int>(0)
    /// How much later than planned the timers of event loops called, in nanoseconds.
    let loopLags = Histogram(
        bounds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500].map { $0 * 1_000_000 }
    )

    /// All at zero.
    public init() {}
}

extension Counters {
    /// Counts a publish over HTTP that has just been answered; for the routes of applications.
    public func countPublish(since began: NIODeadline) {
        publishTimes.observe(Int((NIODeadline.now() - began).nanoseconds))
    }
}

extension Atomic<Int> {
    func add(_ value: Int) {
        wrappingAdd(value, ordering: .relaxed)
    }

    public var value: Int { load(ordering: .relaxed) }
}
