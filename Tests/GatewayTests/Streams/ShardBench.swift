import Broker
import Logging
import NIOCore
import NIOEmbedded

@testable import Gateway

/// A shard on an event loop that does nothing by itself.
struct ShardBench {
    let loop = NIOAsyncTestingEventLoop()
    let log: MessageLog
    let counters = Counters()
    let shard: NIOLoopBound<Shard>

    init(
        presence: any PresenceRegistry = LocalPresence(),
        _ change: (inout StreamSettings) -> Void = { _ in }
    ) async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        self.log = log
        var settings = StreamSettings(
            heartbeat: .seconds(15),
            lookRound: .seconds(4),
            silence: .seconds(11),
            retryMilliseconds: 1000...1000,
            stallTimeout: .seconds(600),
            endTimeout: .seconds(30),
            recentBytes: 64 << 20,
            inboxBytes: 16 << 20,
            pieceBytes: 128 << 10,
            pinnedBytes: 64 << 20
        )
        change(&settings)
        let (loop, counters, given) = (loop, counters, settings)
        shard = try await loop.executeInContext {
            let shard = Shard(
                eventLoop: loop,
                log: log,
                settings: given,
                shared: Shard.SharedState(counters: counters, presence: presence),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            )
            return NIOLoopBound(shard, eventLoop: loop)
        }
    }

    /// Opens a stream, of the group `g`, on a channel of its own.
    func open(
        _ topics: [Topic]? = nil,
        _ start: StreamCursor.Start = .latest,
        format: EventFormat = .plain,
        user: String? = nil,
        showsPresence: Bool = false
    ) async throws -> (stream: NIOLoopBound<Subscriber>, channel: any Channel) {
        let channel = NIOAsyncTestingChannel(loop: loop)
        try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 80)).get()
        let (shard, loop) = (shard, loop)
        let stream = try await loop.executeInContext {
            let group = try GroupName("g")
            var request = Subscriber.Request(
                feedKey: Feed.Key(
                    topics: (topics ?? [.group(group)]).sorted(),
                    style: StreamStyle(format: format, framing: .chunked)
                ),
                start: start,
                requested: "",
                grant: StreamGrant(groups: [group])
            )
            request.origin.user = user
            request.showsPresence = showsPresence
            let stream = Subscriber(request: request, shard: shard.value)
            let connection = BenchConnection(stream: stream)
            try channel.pipeline.syncOperations.addHandler(connection)
            return NIOLoopBound(stream, eventLoop: loop)
        }
        return (stream, channel)
    }

    func open(
        _ start: StreamCursor.Start
    ) async throws -> (stream: NIOLoopBound<Subscriber>, channel: any Channel) {
        try await open(nil, start)
    }

    func publish(_ count: Int) async throws {
        for number in 0..<count { try await log.publish(MessageDraft(group: GroupName("g"), text: "\(number)")) }
    }

    /// Lets the loop run until something holds.
    func run(until isMet: @escaping @Sendable () -> Bool) async throws {
        while try await !loop.executeInContext({ isMet() }) {
            try Task.checkCancellation()
            await loop.run()
            await Task.yield()
        }
    }
}

/// The smallest connection of a subscriber: its bytes are those of the channel.
private final class BenchConnection: ChannelInboundHandler, SubscriberConnection {
    typealias InboundIn = ByteBuffer

    private let stream: Subscriber
    private var context: ChannelHandlerContext?

    init(stream: Subscriber) {
        self.stream = stream
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }
    var waitingBytes: Int { context?.bufferedBytes ?? 0 }
    var peerSilence: PeerSilence { .none }
    var client: ReadClient { context.map { ReadClient($0.channel) } ?? .current }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        stream.begin(on: self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream.connectionClosed()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        stream.connectionClosed()
        self.context = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stream.writabilityChanged(context.channel.isWritable)
    }

    func send(_ frame: ByteBuffer) {
        context?.writeAndFlush(NIOAny(frame), promise: nil)
    }

    func finish(_ last: ByteBuffer) {
        guard let context else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in close() }
        context.writeAndFlush(NIOAny(last), promise: promise)
    }

    func close() {
        context?.close(promise: nil)
    }
}
